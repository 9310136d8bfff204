// Put after the Pyodide loader inside the development bundle: the platform imports the loader under this name.
function createRecordedModule(settings) {
  emscriptenModule = settings;
  return _createPyodideModule(settings);
}
export { createRecordedModule as _createPyodideModule };
