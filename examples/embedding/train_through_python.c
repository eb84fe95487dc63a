/*
 * A C program that trains through Python: it starts CPython inside itself, hands its own arrays to the
 * package `chainrule` without copying them, and gets the scores back in memory of its own.
 *
 *     cc train_through_python.c $(python3-config --includes --ldflags --embed) -lm
 *     train_through_python [data folder] [the environment's python]
 */
#include <Python.h>
#include <stdint.h>

#include "../c/csv.h"

#define PIXELS 64
#define CLASSES 10

/* What runs in Python. images, digits and scores are the C program's own memory. */
static const char *program =
    "import numpy as np, chainrule as cr\n"
    "def show(epoch, logs):\n"
    "    if epoch % 10 == 9: print('Python: epoch', epoch + 1, 'loss', round(logs['loss'], 5), flush=True)\n"
    "def train(images, digits, held_out_images, scores):\n"
    "    x = np.frombuffer(images, np.float32).reshape(-1, 64)\n"
    "    y = np.frombuffer(digits, np.int32)\n"
    "    model = cr.Sequential(cr.Linear(64, 256), cr.ReLU(), cr.Dropout(0.3), cr.Linear(256, 10), seed=0)\n"
    "    model.compile(loss=cr.CrossEntropyLoss(label_smoothing=0.1), optimizer=cr.Adam(lr=2e-3))\n"
    "    history = model.fit(x, y, epochs=50, batch_size=32, callbacks=[show], verbose=0)\n"
    "    test = np.frombuffer(held_out_images, np.float32).reshape(-1, 64)\n"
    "    np.frombuffer(scores, np.float32)[:] = model.predict(test).ravel()\n"
    "    print('Python: trained', len(x), 'images,', len(history['loss']), 'epochs', flush=True)\n"
    "    return history['loss'][-1]\n";

/* Prints the Python exception, if there is one, and ends the program. */
static void python_failed(const char *what) {
  fprintf(stderr, "%s\n", what);
  if (PyErr_Occurred()) PyErr_Print();
  exit(EXIT_FAILURE);
}

/* Starts the interpreter of that environment, so that it finds the packages installed there. */
static void start_python(const char *python) {
  PyConfig config;
  PyStatus status;
  PyConfig_InitPythonConfig(&config);
  status = PyConfig_SetBytesString(&config, &config.program_name, python);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status)) Py_ExitStatusException(status);
}

static PyObject *memory(void *data, size_t bytes, int access) {
  PyObject *view = PyMemoryView_FromMemory((char *)data, (Py_ssize_t)bytes, access);
  if (!view) python_failed("no memory view");
  return view;
}

int main(int argc, char **argv) {
  char path[1024];
  int row, i, train = 0, test = 0, right = 0;
  snprintf(path, sizeof path, "%s/digits.csv", argc > 1 ? argv[1] : "examples/data");
  csv_table table = csv_read(path);

  /* The first of every five images is held out. */
  float *images = malloc(sizeof(float) * PIXELS * table.rows), *held_out = malloc(sizeof(float) * PIXELS * table.rows);
  int32_t *digits = malloc(sizeof(int32_t) * table.rows), *answers = malloc(sizeof(int32_t) * table.rows);
  float *scores = calloc(CLASSES * (size_t)table.rows, sizeof(float));
  if (!images || !held_out || !digits || !answers || !scores) return EXIT_FAILURE;
  for (row = 0; row < table.rows; row++) {
    int out = row % 5 == 0;
    float *image = out ? held_out + PIXELS * test : images + PIXELS * train;
    for (i = 0; i < PIXELS; i++) image[i] = (float)(csv_value(&table, row, i) / 16);
    if (out) answers[test++] = (int32_t)csv_value(&table, row, PIXELS);
    else digits[train++] = (int32_t)csv_value(&table, row, PIXELS);
  }

  start_python(argc > 2 ? argv[2] : ".venv/bin/python3");
  if (PyRun_SimpleString(program) != 0) python_failed("the package chainrule does not load");
  PyObject *function = PyObject_GetAttrString(PyImport_AddModule("__main__"), "train");
  PyObject *loss = PyObject_CallFunction(
      function, "NNNN", memory(images, sizeof(float) * PIXELS * train, PyBUF_READ),
      memory(digits, sizeof(int32_t) * train, PyBUF_READ), memory(held_out, sizeof(float) * PIXELS * test, PyBUF_READ),
      memory(scores, sizeof(float) * CLASSES * test, PyBUF_WRITE));
  if (!loss) python_failed("training failed");
  printf("C: the last epoch's loss is %.5f\n", PyFloat_AsDouble(loss));
  Py_DECREF(loss);
  Py_DECREF(function);
  if (Py_FinalizeEx() != 0) return EXIT_FAILURE;

  for (row = 0; row < test; row++) {
    const float *score = scores + row * CLASSES;
    int best = 0;
    for (i = 1; i < CLASSES; i++)
      if (score[i] > score[best]) best = i;
    right += best == answers[row];
  }
  free(images), free(held_out), free(digits), free(answers), free(scores), free(table.values);

  double share = 100.0 * right / test;
  printf("C: %d of %d held-out digits right\n", right, test);
  printf("result: held-out digits right | %.1f %% | at least 97 %% | %s\n", share,
         share >= 97 ? "learned" : "NOT LEARNED");
  return share >= 97 ? EXIT_SUCCESS : EXIT_FAILURE;
}
