"""What concerns the library as a whole: version, threads, the processor, the catalog."""

from __future__ import annotations

from ._errors import check
from ._library import NULL, c_text, ffi, lib, text

__version__: str = ffi.string(lib.chainrule_version()).decode()


def set_num_threads(count: int) -> None:
    """How many threads a call may use, 1 to 256. Results do not depend on it."""
    check(lib.chainrule_set_num_threads(count))


def get_num_threads() -> int:
    """How many threads a call may use; at first CHAINRULE_THREADS, or as many as there are CPUs."""
    return int(lib.chainrule_get_num_threads())


def cpu_level() -> str:
    """The instructions in use: "baseline", "avx2" or "avx512"."""
    return str(ffi.string(lib.chainrule_cpu_level()).decode())


_GROUPS = {
    "layers": lib.CHAINRULE_LAYERS,
    "losses": lib.CHAINRULE_LOSSES,
    "optimizers": lib.CHAINRULE_OPTIMIZERS,
    "metrics": lib.CHAINRULE_METRICS,
    "initializers": lib.CHAINRULE_INITIALIZERS,
    "schedules": lib.CHAINRULE_SCHEDULES,
}


def describe(group: str) -> dict[str, str]:
    """The library's catalog of "layers", "losses", "optimizers", "metrics", "initializers" or "schedules":
    each kind with one line about its attributes."""
    if group not in _GROUPS:
        owner = next((name for name in _GROUPS if group in describe(name)), None)
        hint = "" if owner is None else f': a kind, which describe("{owner}")["{group}"] tells about'
        raise ValueError(f"group must be one of {', '.join(_GROUPS)}; got {group!r}{hint}")
    kinds: dict[str, str] = {}
    while True:
        kind = lib.chainrule_catalog_kind(_GROUPS[group], len(kinds))
        if kind == NULL:
            return kinds
        name = ffi.string(kind).decode()
        kinds[name] = text(lib.chainrule_catalog_describe, _GROUPS[group], c_text(name))
