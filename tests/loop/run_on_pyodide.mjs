// Prints the traces of every program, made inside a task of Pyodide's own event loop (CPython 3.14), as JSON:
//   node run_on_pyodide.mjs <folder of the pyodide npm package> <root of this checkout>
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, root] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: folder });
python.FS.mkdirTree("/repository");
python.FS.mount(python.FS.filesystems.NODEFS, { root }, "/repository");
const traces = await python.runPythonAsync(`
import asyncio, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "/repository/tests/loop")
import run_on_all_pythons
run_on_all_pythons.map_the_checkout()
import harness, programs

async def in_a_task():
    await asyncio.sleep(0)
    mine = asyncio.current_task()
    traces = {name: programs.trace_of(harness.Rig().run, f) for name, f in programs.PROGRAMS.items()}
    assert asyncio.current_task() is mine
    await asyncio.sleep(0)
    return traces

json.dumps(await asyncio.create_task(in_a_task()))
`);
console.log(traces);
