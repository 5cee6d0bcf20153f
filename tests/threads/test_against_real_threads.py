"""The standard library's primitives do in virtual time what they do with real threads.

Each story's order of events is defined by the primitive, whatever the operating system does. It
runs once with real threads and once in a simulation of each schedule, and tells the same.
"""

from __future__ import annotations

import asyncio
import queue
import sched
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed, wait
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from failing_exchange import simulate

Log = list[Any]
Story = Callable[[list[int]], Log]
TICK_S = 0.004  # of a real wait whose end is part of the order
STORIES: dict[str, Story] = {}


def story(tell: Story) -> Story:
    STORIES[tell.__name__] = tell
    return tell


def started(*targets: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def together(*targets: Callable[[], object]) -> None:
    for thread in started(*targets):
        thread.join()


@story
def events_in_a_chain(order: list[int]) -> Log:
    """Each thread waits for its predecessor's event."""
    log: Log = []
    events = [threading.Event() for _ in range(len(order) + 1)]

    def link(place: int, name: int) -> None:
        events[place].wait()
        log.append(name)
        events[place + 1].set()

    threads = started(*(lambda p=p, n=n: link(p, n) for p, n in enumerate(order)))
    events[0].set()
    events[-1].wait()
    for thread in threads:
        thread.join()
    return [*log, [thread.is_alive() for thread in threads], events[0].is_set()]


@story
def turns_by_a_condition(order: list[int]) -> Log:
    """`wait_for` and `notify_all`: who is next is written on the wall."""
    log: Log = []
    condition, left = threading.Condition(), list(order)

    def player(name: int) -> None:
        with condition:
            while left:
                condition.wait_for(lambda: not left or left[0] == name)
                if left:
                    log.append(left.pop(0))
                    condition.notify_all()

    together(*(lambda n=n: player(n) for n in sorted(set(order))))
    return log


@story
def one_producer_and_one_consumer(order: list[int]) -> Log:
    """A queue of one place hands everything on in order; `join` waits for the last."""
    log: Log = []
    work: queue.Queue[int | None] = queue.Queue(maxsize=1)

    def consume() -> None:
        while (item := work.get()) is not None:
            log.append(item)
            work.task_done()

    (thread,) = started(consume)
    for item in order:
        work.put(item)
    work.join()
    log.append("all are done")
    work.put(None)
    thread.join()
    return log


@story
def kinds_of_queues(order: list[int]) -> Log:
    """What comes out of each kind, and what an empty or full one raises."""
    log: Log = []
    for kind in (queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue):
        made: Any = kind()
        together(lambda made=made: [made.put(item) for item in order])  # type: ignore[misc]
        log.append([made.get() for _ in order])
        try:
            made.get_nowait()
        except queue.Empty:
            log.append("empty")
    full: queue.Queue[int] = queue.Queue(1)
    full.put(1)
    try:
        full.put(2, timeout=TICK_S)
    except queue.Full:
        log.append("full")
    return log


@story
def locks_and_who_holds_them(order: list[int]) -> Log:
    """A reentrant lock counts, a plain one refuses, and neither is freed by a stranger."""
    log: Log = []
    lock, reentrant = threading.Lock(), threading.RLock()
    for _ in order:
        reentrant.acquire()
    together(lambda: log.append(reentrant.acquire(blocking=False)))
    together(lambda: log.append(refused(reentrant.release)))
    for _ in order:
        reentrant.release()
    together(lambda: log.append(reentrant.acquire(timeout=1)))
    with lock:
        log += [lock.locked(), lock.acquire(blocking=False), lock.acquire(timeout=TICK_S)]
    log += [refused(lock.release), refused(lambda: lock.acquire(False, 1)), lock.locked()]
    return log


def refused(call: Callable[[], object]) -> str:
    try:
        call()
    except (RuntimeError, ValueError, threading.BrokenBarrierError) as error:
        return type(error).__name__
    return "allowed"


@story
def semaphores(order: list[int]) -> Log:
    """No more than allowed are inside; a bounded one is not released too often."""
    log: Log = []
    places = threading.BoundedSemaphore(2)
    inside, most, lock = 0, 0, threading.Lock()

    def enter() -> None:
        nonlocal inside, most
        with places:
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1

    together(*(enter for _ in order))
    log += [most <= 2, inside, refused(places.release)]
    places.acquire()
    return [*log, places.acquire(timeout=TICK_S), places.acquire(blocking=False)]


@story
def barriers(order: list[int]) -> Log:
    """Nobody begins the second phase before all have ended the first."""
    log: Log = []
    barrier = threading.Barrier(len(order))
    lock = threading.Lock()

    def phases(name: int) -> None:
        for phase in range(2):
            with lock:
                log.append((phase, name))
            barrier.wait()

    together(*(lambda n=n: phases(n) for n in order))
    half = len(order)
    broken = threading.Barrier(2)
    return [sorted(log[:half]), sorted(log[half:]), refused(lambda: broken.wait(TICK_S))]


@story
def own_data_of_threads(order: list[int]) -> Log:
    """`threading.local`, names and identities."""
    log: Log = []
    data, lock = threading.local(), threading.Lock()
    data.name = "main"

    def work(name: int) -> None:
        seen = hasattr(data, "name")
        data.name = name
        me = threading.current_thread()
        with lock:
            log.append((name, seen, data.name, me.ident == threading.get_ident(), me.is_alive()))

    together(*(lambda n=n: work(n) for n in order))
    is_main = threading.current_thread() is threading.main_thread()
    return [*sorted(log), data.name, is_main]


@story
def pools(order: list[int]) -> Log:
    """Results in order, errors where they belong, and nothing after the end."""
    log: Log = []

    def job(n: int) -> int:
        if n % 3 == 2:
            raise KeyError(n)
        return n * n

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(job, n) for n in order]
        log += [repr(future.exception()) or future.result() for future in futures]
        done, waiting = wait(futures)
        log += [len(done), len(waiting), sum(f.exception() is None for f in as_completed(futures))]
        log.append(list(pool.map(abs, order)))
    return [*log, refused(lambda: pool.submit(job, 1))]


@story
def futures_between_threads(order: list[int]) -> Log:
    """A result, an error, a cancel and a timeout, each told to who waits."""
    log: Log = []
    one, two, three, four = (Future[int]() for _ in range(4))
    one.add_done_callback(lambda done: log.append(("callback", done.result())))

    def settle() -> None:
        one.set_result(order[0])
        two.set_exception(LookupError("no"))
        three.cancel()

    (thread,) = started(settle)
    log.append(one.result())
    log.append(type(two.exception()).__name__)
    thread.join()
    for future in (three, four):
        try:
            future.result(timeout=TICK_S)
        except (CancelledError, TimeoutError) as error:
            log.append(type(error).__name__)
    return sorted(log, key=repr)


@story
def timers(order: list[int]) -> Log:
    """One that is canceled does nothing; the others call their function once."""
    log: Log = []
    canceled = threading.Timer(60, lambda: log.append("never"))
    canceled.start()
    canceled.cancel()
    for n in order:
        timer = threading.Timer(TICK_S, log.append, args=(n,))
        timer.start()
        timer.join()
    canceled.join()
    return [*log, canceled.is_alive(), canceled.finished.is_set()]


@story
def a_scheduler(order: list[int]) -> Log:
    """`sched` runs what is due, the more urgent first."""
    log: Log = []
    plan = sched.scheduler(time.monotonic, time.sleep)
    at = time.monotonic() + TICK_S
    for n in order:
        plan.enterabs(at, n, log.append, (n,))
    later = plan.enterabs(at + TICK_S, 1, log.append, ("canceled",))
    plan.cancel(later)
    plan.run()
    return log


@story
def a_conversation_by_sockets(order: list[int]) -> Log:
    """A server that echoes line by line, and what both ends see at its end."""
    log: Log = []
    seen: Log = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        conn, _ = listening.accept()
        with conn, conn.makefile("rwb") as lines:
            for line in lines:
                lines.write(line.upper())
                lines.flush()
        seen.append("the end")

    (thread,) = started(serve)
    with socket.create_connection(listening.getsockname(), timeout=5) as client:
        for n in order:
            client.sendall(f"order {n}\n".encode())
            log.append(received(client, b"\n"))
        client.shutdown(socket.SHUT_WR)
        log.append(client.recv(100))
    thread.join()
    listening.close()
    return [*log, *seen, refused_connection(listening)]


def received(sock: socket.socket, until: bytes) -> bytes:
    data = b""
    while not data.endswith(until):
        data += sock.recv(3)
    return data


def refused_connection(closed: socket.socket) -> str:
    try:
        closed.getsockname()
    except OSError as error:
        return type(error).__name__
    return "open"


@story
def waiting_for_several_sockets(order: list[int]) -> Log:
    """`select`, `poll` and `selectors` tell which can be read, and time out."""
    log: Log = []
    pairs = [socket.socketpair() for _ in order]
    for (_, theirs), n in zip(pairs, order, strict=True):
        log.append([len(found) for found in select.select([theirs], [theirs], [], TICK_S)])
        theirs.sendall(bytes([n]))
    ours = [mine for mine, _ in pairs]
    readable = select.select(ours, [], [], 5)[0]
    log.append([ours.index(sock) for sock in readable])
    poll = select.poll()
    poll.register(ours[0], select.POLLIN)
    log.append([found for _, found in poll.poll(5_000)])
    with selectors.DefaultSelector() as chosen:
        for mine, _ in pairs:
            chosen.register(mine, selectors.EVENT_READ)
        found: list[Any] = [key.fileobj for key, _ in chosen.select(5)]
        log.append(sorted(map(ours.index, found)))
        log.append([mine.recv(10) for mine in ours])
        log.append(chosen.select(0))
        pairs[0][1].close()
        log.append([key.fileobj is ours[0] for key, _ in chosen.select(5)])
    log.append(ours[0].recv(10))
    for one in (sock for pair in pairs for sock in pair):
        one.close()
    return log


@story
def a_socket_that_does_not_wait(order: list[int]) -> Log:
    """Without data it raises; with a timeout it waits so long."""
    ours, theirs = socket.socketpair()
    log: Log = []
    for timeout in (0.0, TICK_S):
        ours.settimeout(timeout)
        try:
            ours.recv(1)
        except (BlockingIOError, TimeoutError) as error:
            log.append(type(error).__name__)
    theirs.sendall(bytes(order))
    ours.settimeout(5)
    log += [ours.recv(2, socket.MSG_PEEK), ours.recv(100), ours.getblocking()]
    theirs.close()
    log.append(ours.recv(1))
    ours.close()
    try:
        ours.send(b"late")
    except OSError as error:
        log.append(error.errno)
    return [*log, ours.fileno()]


@story
def event_loops_in_threads(order: list[int]) -> Log:
    """`asyncio.run` in each, a queue between them, and a call from outside."""
    log: Log = []
    between: queue.Queue[int] = queue.Queue()

    async def sends() -> None:
        for n in order:
            await asyncio.sleep(0)
            await asyncio.to_thread(between.put, n)

    async def takes() -> list[int]:
        return [await asyncio.to_thread(between.get) for _ in order]

    together(lambda: asyncio.run(sends()), lambda: log.append(asyncio.run(takes())))
    loop = asyncio.new_event_loop()
    (thread,) = started(loop.run_forever)
    log.append(asyncio.run_coroutine_threadsafe(asyncio.sleep(TICK_S, "slept"), loop).result())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    return log


@pytest.mark.parametrize("name", STORIES)
@settings(max_examples=3, deadline=None)
@given(order=st.lists(st.integers(0, 4), min_size=2, max_size=4, unique=True))
def test_a_story_is_the_same_with_real_threads(name: str, order: list[int]) -> None:
    """Else a bot would be tested with primitives that do not exist."""
    tell = STORIES[name]
    real = tell(order)
    assert simulate(lambda: tell(order)) == real
    assert simulate(lambda: tell(order), schedule="random", seed=sum(order)) == real
