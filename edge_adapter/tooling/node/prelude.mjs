// Put before the Pyodide loader inside the development bundle. The loader expects a browser; these names hide,
// for this module only, the globals that the platform's binary forbids or lacks.
import { default as UnsafeEval } from "internal:unsafe-eval";
import {
  addEventListener,
  getRandomValues as drawRandomValues,
  location,
  monotonicDateNow,
} from "pyodide-internal:builtin_wrappers";

// The settings object of the interpreter, recorded by the tail: entropy is drawn on its behalf.
let emscriptenModule;

const crypto = {
  getRandomValues: (view) => drawRandomValues(emscriptenModule, view),
};

// Files written within one millisecond must differ in modification time, or imports see stale folders.
const Date = new Proxy(globalThis.Date, {
  get: (target, name) => (name === "now" ? monotonicDateNow : Reflect.get(target, name)),
});

const WebAssembly = (() => {
  const real = globalThis.WebAssembly;
  const compile = (source) => (source instanceof real.Module ? source : UnsafeEval.newWasmModule(source));
  const Module = new Proxy(real.Module, {
    construct: (_target, [source]) => compile(source),
  });
  const instantiate = async (source, imports) => {
    const instance = new real.Instance(compile(source), imports);
    return source instanceof real.Module ? instance : { module: compile(source), instance };
  };
  return new Proxy(real, {
    get: (target, name) =>
      name === "Module" ? Module : name === "instantiate" ? instantiate : Reflect.get(target, name),
  });
})();
