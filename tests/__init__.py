"""The tests; `tests.mocks` holds the package under the name that mocks are kept by."""
