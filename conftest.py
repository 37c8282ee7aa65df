"""What every test here lives by: rooms of absent extras are not collected, haste is no virtue."""

from importlib.util import find_spec

from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("patient")

ROOMS = {
    "fastapi": ["vibrator/service/*", "tests/test_service*", "tests/test_console*"],
}

collect_ignore_glob = [
    room for package, rooms in ROOMS.items() if find_spec(package) is None for room in rooms
]
