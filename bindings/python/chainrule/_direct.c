/* The calls of hot loops, a training step and a prediction, from Python without a detour: cffi takes half a
 * microsecond to call a function of a loaded library, and Python as long to describe an array for it, which is more
 * than a step of a small network.
 *
 * The module links nothing: _calls.py gives it the functions' addresses. It knows arrays through NumPy's
 * __array_struct__, whose layout NumPy's documentation fixes, and Python through the limited API of 3.10; so one build
 * serves every later version of both. Where it can't be built, _calls.py does the same through cffi.
 *
 * Handles and prepared arrays come as integers, their addresses; who calls keeps them alive. Python's lock is let go
 * while the library works. */
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include "chainrule.h"

/* What __array_struct__ holds. */
typedef struct {
  int two;
  int nd;
  char typekind;
  int itemsize;
  int flags;
  Py_intptr_t *shape;
  Py_intptr_t *strides;
  void *data;
  PyObject *descr;
} array_interface;

enum { CONTIGUOUS = 0x1, ALIGNED = 0x100, NATIVE = 0x200, AS_NEEDED = CONTIGUOUS | ALIGNED | NATIVE };

typedef chainrule_status (*step_function)(chainrule_trainer *, const chainrule_array *, const chainrule_array *,
                                          const chainrule_array *, double *);
typedef chainrule_status (*predict_function)(const chainrule_model *, const chainrule_array *, chainrule_array *);

static step_function trainer_step;
static predict_function model_predict;
static PyObject *raise_failure, *ndarray, *empty, *array_struct;

static int counts(Py_ssize_t got, Py_ssize_t expected) {
  if (got == expected) return 1;
  PyErr_Format(PyExc_TypeError, "expected %zd arguments; got %zd", expected, got);
  return 0;
}

/* Integers as addresses; 0 with an exception for anything else. */
static int addresses(PyObject *const *numbers, int count, void **pointers) {
  for (int i = 0; i < count; i++) {
    pointers[i] = PyLong_AsVoidPtr(numbers[i]);
    if (pointers[i] == NULL && PyErr_Occurred()) return 0;
  }
  return 1;
}

/* The exception for the status that the library has just returned on this thread. */
static PyObject *failed(chainrule_status status) {
  PyObject *number = PyLong_FromLong(status);
  PyObject *nothing = number == NULL ? NULL : PyObject_CallFunctionObjArgs(raise_failure, number, NULL);
  Py_XDECREF(number);
  if (nothing != NULL) {
    Py_DECREF(nothing);
    PyErr_SetString(PyExc_SystemError, "raise_failure did not raise");
  }
  return NULL;
}

/* Arguments that the library has refused: Python's general path may convert them, or says the same in its own words. */
static int refused(chainrule_status status) {
  return status == CHAINRULE_INVALID_ARGUMENT || status == CHAINRULE_SHAPE || status == CHAINRULE_DTYPE;
}

/* Describes an array that the library can read in place; 0 for any other object. */
static int describe(PyObject *object, chainrule_array *array) {
  if ((PyObject *)Py_TYPE(object) != ndarray) return 0;
  PyObject *capsule = PyObject_GetAttr(object, array_struct);
  const array_interface *source = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, NULL);
  int known = 0;
  if (source == NULL) {
    PyErr_Clear();
  } else if (source->two == 2 && (source->flags & AS_NEEDED) == AS_NEEDED && source->nd <= CHAINRULE_MAX_RANK) {
    int wide = source->itemsize == 8;
    known = (source->typekind == 'f' || source->typekind == 'i') && (wide || source->itemsize == 4);
    array->dtype = source->typekind == 'f' ? (wide ? CHAINRULE_FLOAT64 : CHAINRULE_FLOAT32)
                                           : (wide ? CHAINRULE_INT64 : CHAINRULE_INT32);
    array->data = source->data;
    array->rank = source->nd;
    array->strided = 0;
    for (int i = 0; i < source->nd; i++) array->shape[i] = source->shape[i];
  }
  Py_XDECREF(capsule);
  return known;
}

static chainrule_status run_step(void *trainer, const void *x, const void *y, const void *weight, double *loss) {
  chainrule_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = trainer_step(trainer, x, y, weight, loss);
  Py_END_ALLOW_THREADS;
  return status;
}

static chainrule_status run_predict(const void *model, const void *inputs, void *outputs) {
  chainrule_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = model_predict(model, inputs, outputs);
  Py_END_ALLOW_THREADS;
  return status;
}

/* step(trainer, (x, y, weight)): the loss. */
static PyObject *step(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  PyObject *batch[3];
  void *trainer, *p[3];
  double loss = 0;
  (void)module;
  if (!counts(count, 2) || !addresses(arguments, 1, &trainer)) return NULL;
  for (int i = 0; i < 3; i++)
    if ((batch[i] = PyTuple_GetItem(arguments[1], i)) == NULL) return NULL;
  if (!addresses(batch, 3, p)) return NULL;
  chainrule_status status = run_step(trainer, p[0], p[1], p[2], &loss);
  return status == CHAINRULE_OK ? PyFloat_FromDouble(loss) : failed(status);
}

/* step_arrays(trainer, x, y): the loss; None where the arrays are not for this path. */
static PyObject *step_arrays(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  void *trainer;
  chainrule_array x, y;
  double loss = 0;
  (void)module;
  if (!counts(count, 3) || !addresses(arguments, 1, &trainer)) return NULL;
  if (!describe(arguments[1], &x) || !describe(arguments[2], &y)) Py_RETURN_NONE;
  chainrule_status status = run_step(trainer, &x, &y, NULL, &loss);
  if (status == CHAINRULE_OK) return PyFloat_FromDouble(loss);
  if (refused(status)) Py_RETURN_NONE;
  return failed(status);
}

/* predict(model, inputs, outputs, answer): the answer, once the outputs are filled. */
static PyObject *predict(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  void *p[3];
  (void)module;
  if (!counts(count, 4) || !addresses(arguments, 3, p)) return NULL;
  chainrule_status status = run_predict(p[0], p[1], p[2]);
  if (status != CHAINRULE_OK) return failed(status);
  Py_INCREF(arguments[3]);
  return arguments[3];
}

/* A new array [batch, *tail]. */
static PyObject *new_array(int64_t batch, PyObject *tail, PyObject *dtype) {
  Py_ssize_t rank = PyTuple_Size(tail);
  PyObject *shape = rank < 0 ? NULL : PyTuple_New(rank + 1), *result = NULL;
  if (shape == NULL) return NULL;
  PyObject *size = PyLong_FromLongLong(batch);
  if (size != NULL) {
    PyTuple_SetItem(shape, 0, size);
    for (Py_ssize_t i = 0; i < rank; i++) {
      PyObject *of_tail = PyTuple_GetItem(tail, i);
      Py_INCREF(of_tail);
      PyTuple_SetItem(shape, i + 1, of_tail);
    }
    result = PyObject_CallFunctionObjArgs(empty, shape, dtype, NULL);
  }
  Py_DECREF(shape);
  return result;
}

/* predict_array(model, x, tail, dtype): a new array [batch, *tail]; None where x is not for this path. */
static PyObject *predict_array(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  void *model;
  chainrule_array x, y;
  (void)module;
  if (!counts(count, 4) || !addresses(arguments, 1, &model)) return NULL;
  if (!describe(arguments[1], &x) || x.rank == 0) Py_RETURN_NONE;
  PyObject *result = new_array(x.shape[0], arguments[2], arguments[3]);
  if (result == NULL) return NULL;
  chainrule_status status = describe(result, &y) ? run_predict(model, &x, &y) : CHAINRULE_DTYPE;
  if (status == CHAINRULE_OK) return result;
  Py_DECREF(result);
  if (refused(status)) Py_RETURN_NONE;
  return failed(status);
}

/* connect(step, predict, raise_failure, ndarray, empty): two addresses, then Python's and NumPy's own; before all else. */
static PyObject *connect(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  void *functions[2];
  (void)module;
  if (!counts(count, 5) || !addresses(arguments, 2, functions)) return NULL;
  PyObject *name = PyUnicode_InternFromString("__array_struct__");
  if (name == NULL) return NULL;
  trainer_step = (step_function)functions[0];
  model_predict = (predict_function)functions[1];
  array_struct = name; /* these stay for good */
  Py_INCREF(raise_failure = arguments[2]);
  Py_INCREF(ndarray = arguments[3]);
  Py_INCREF(empty = arguments[4]);
  Py_RETURN_NONE;
}

#define FUNCTION(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}

static PyMethodDef functions[] = {
    FUNCTION(connect), FUNCTION(step), FUNCTION(step_arrays), FUNCTION(predict), FUNCTION(predict_array), {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_direct", "The calls of hot loops; see _calls.py.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__direct(void) { return PyModule_Create(&definition); }
