/*
 * What the embedding programs share: starting CPython in the environment whose python is named by the
 * first argument, running Python text in it, real data, and ending.
 *
 * Each program is one case in one process: NumPy does not bear a second Py_Initialize.
 */
#ifndef EMBED_H
#define EMBED_H

#include <Python.h>

#include <dirent.h>

#include "../../examples/c/csv.h"
#include "../ABI/test.h"

static const char *embed_data = "examples/data";
static PyObject *embed_globals; /* of __main__ */

/* Arguments: the environment's python, the folder of the data. */
static inline void embed_start(const char *program, int argc, char **argv) {
  PyConfig config;
  PyStatus status;
  TEST_MAIN(program);
  if (argc > 2) embed_data = argv[2];
  PyConfig_InitPythonConfig(&config);
  config.install_signal_handlers = 1;
  status = PyConfig_SetBytesString(&config, &config.program_name, argc > 1 ? argv[1] : ".venv/bin/python3");
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status)) Py_ExitStatusException(status);
  embed_globals = PyModule_GetDict(PyImport_AddModule("__main__"));
}

/* Runs statements in __main__; a Python exception is a failure of the test. */
static inline int embed_run(const char *text) {
  PyObject *result = PyRun_String(text, Py_file_input, embed_globals, embed_globals);
  if (result == NULL) {
    PyErr_Print();
    test_fail(__FILE__, __LINE__, "a Python exception, printed above");
    return 0;
  }
  Py_DECREF(result);
  return 1;
}

static inline double embed_number(const char *expression) {
  PyObject *result = PyRun_String(expression, Py_eval_input, embed_globals, embed_globals);
  double number = result ? PyFloat_AsDouble(result) : NAN;
  Py_XDECREF(result);
  if (PyErr_Occurred()) {
    PyErr_Print();
    test_fail(__FILE__, __LINE__, "%s is no number", expression);
  }
  return number;
}

/* C memory under a name in __main__, not copied. */
static inline void embed_lend(const char *name, void *data, size_t bytes, int writable) {
  PyObject *view = PyMemoryView_FromMemory((char *)data, (Py_ssize_t)bytes, writable ? PyBUF_WRITE : PyBUF_READ);
  if (view == NULL || PyDict_SetItemString(embed_globals, name, view) != 0) {
    PyErr_Print();
    exit(4);
  }
  Py_DECREF(view);
}

static inline int embed_thread_count(void) {
  DIR *folder = opendir("/proc/self/task");
  struct dirent *entry;
  int count = 0;
  if (folder == NULL) return -1;
  while ((entry = readdir(folder)) != NULL) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

/* Ends Python and reports the case; the program's exit code. */
static inline int embed_finish(void) {
  CHECK(PyErr_Occurred() == NULL);
  CHECK_EQUAL(Py_FinalizeEx(), 0);
  if (test_case_failures == 0) printf("ok embedding %s\n", test_program);
  else printf("not ok embedding %s - %s\n", test_program, test_reason);
  return test_case_failures ? 1 : 0;
}

/* ---------------------------------------------------------------------------- real data ---- */

enum { PIXELS = 64, CLASSES = 10, IMAGES = 600 };
static float images[IMAGES * PIXELS];
static int32_t digits[IMAGES];

/* The first images of the digits, scaled to 0...1. */
static inline void embed_read_digits(void) {
  char path[1000];
  int row, i;
  snprintf(path, sizeof path, "%s/digits.csv", embed_data);
  csv_table table = csv_read(path);
  for (row = 0; row < IMAGES; row++) {
    for (i = 0; i < PIXELS; i++) images[row * PIXELS + i] = (float)(csv_value(&table, row, i) / 16);
    digits[row] = (int32_t)csv_value(&table, row, PIXELS);
  }
  free(table.values);
}

/* The same network and training, said in Python; x and y are lent first. */
static const char *embed_python_training =
    "import numpy as np, chainrule as cr\n"
    "x = np.frombuffer(images, np.float32).reshape(-1, 64)\n"
    "y = np.frombuffer(digits, np.int32)\n"
    "model = cr.Sequential(cr.Linear(64, 48), cr.ReLU(), cr.Dropout(0.1), cr.Linear(48, 10), seed=7)\n"
    "model.compile(loss='cross_entropy', optimizer=cr.Adam(lr=0.005))\n"
    "history = model.fit(x, y, epochs=6, batch_size=32, verbose=0)\n";

static inline void embed_train_in_python(void) {
  embed_read_digits();
  embed_lend("images", images, sizeof images, 0);
  embed_lend("digits", digits, sizeof digits, 0);
  embed_run(embed_python_training);
}

static inline int embed_right(const float *scores) {
  int row, i, right = 0;
  for (row = 0; row < IMAGES; row++) {
    int best = 0;
    for (i = 1; i < CLASSES; i++)
      if (scores[row * CLASSES + i] > scores[row * CLASSES + best]) best = i;
    right += best == digits[row];
  }
  return right;
}

#endif
