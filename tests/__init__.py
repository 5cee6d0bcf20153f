"""The tests; `tests.mocks.failing_exchange` is the package under the name that mocks are kept by."""
