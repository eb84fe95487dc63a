/* One array, seen from both sides without a copy: made in C and used in Python, made in Python and used in
   C; the addresses are compared, and what one writes the other reads. */
#include "embed.h"

static float parameters[PIXELS * CLASSES];

static int is_address(const char *expression, const void *address) {
  PyObject *result = PyRun_String(expression, Py_eval_input, embed_globals, embed_globals);
  void *got = result ? PyLong_AsVoidPtr(result) : NULL;
  Py_XDECREF(result);
  if (PyErr_Occurred()) PyErr_Print();
  return got == address;
}

/* The memory of a NumPy array of __main__, through the buffer protocol. */
static void *borrow(const char *name, Py_buffer *buffer) {
  PyObject *array = PyDict_GetItemString(embed_globals, name);
  if (array == NULL || PyObject_GetBuffer(array, buffer, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) != 0) {
    PyErr_Print();
    exit(4);
  }
  return buffer->buf;
}

int main(int argc, char **argv) {
  chainrule_model *model = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_array x, y, weight = chainrule_matrix(parameters, CLASSES, PIXELS), out;
  Py_buffer in_python, out_python;
  double loss = 0;
  int i;
  embed_start("shared_memory", argc, argv);
  embed_read_digits();
  /* From C to Python: NumPy looks at C's memory. */
  embed_lend("images", images, sizeof images, 1);
  embed_lend("weights", parameters, sizeof parameters, 1);
  embed_run(
      "import numpy as np, chainrule as cr\n"
      "x = np.frombuffer(images, np.float32).reshape(-1, 64)\n"
      "w = np.frombuffer(weights, np.float32).reshape(10, 64)\n"
      "x[0, 0] = 0.75\n"                                           /* Python writes, */
      "made = np.ascontiguousarray(np.tile(x[:5], (4, 1)))\n"      /* and makes arrays of its own */
      "scores = np.zeros((20, 10), np.float32)\n");
  CHECK(is_address("x.__array_interface__['data'][0]", images));
  CHECK(is_address("w.__array_interface__['data'][0]", parameters));
  CHECK(images[0] == 0.75f); /* C reads it */

  /* From Python to C: the library works on NumPy's memory in place, reading and writing. */
  x = chainrule_matrix((float *)borrow("made", &in_python), 20, PIXELS);
  out = chainrule_matrix((float *)borrow("scores", &out_python), 20, CLASSES);
  CHECK(is_address("made.__array_interface__['data'][0]", x.data));
  CHECK(is_address("scores.__array_interface__['data'][0]", out.data));
  SUCCEEDS(chainrule_model_create(NULL, &model));
  SUCCEEDS(chainrule_model_add(model, "input", "shape=64", NULL));
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=10 bias=false", NULL));
  SUCCEEDS(chainrule_trainer_create(model, "cross_entropy", "sgd lr=0.1", &trainer));
  for (i = 0; i < IMAGES; i++) digits[i] %= CLASSES;
  y = chainrule_labels(digits, 20);
  for (i = 0; i < 5; i++) SUCCEEDS(chainrule_trainer_step(trainer, &x, &y, NULL, &loss));
  SUCCEEDS(chainrule_model_predict(model, &x, &out));
  SUCCEEDS(chainrule_model_get_parameter(model, "0.weight", &weight)); /* into memory that Python looks at */

  /* And back: Python computes the scores again from both. */
  embed_run("assert np.abs(scores).max() > 0\n"
            "np.testing.assert_allclose(made @ w.T, scores, rtol=1e-4, atol=1e-5)\n");
  /* A package function that reads C memory and writes C memory. */
  embed_run("model = cr.Sequential(cr.Linear(64, 10, bias=False))\n"
            "model.load_state_dict({'0.weight': w})\n"
            "assert np.array_equal(model.predict(made), scores)\n");
  PyBuffer_Release(&in_python);
  PyBuffer_Release(&out_python);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return embed_finish();
}
