/* The Python function that the training calls raises an exception: fit ends with CHAINRULE_CALLBACK, the
   exception is there to be read, and model, trainer and Python go on. */
#include "embed.h"

static int32_t on_epoch(void *user, const chainrule_progress *progress) {
  PyObject *result = PyObject_CallFunction((PyObject *)user, "L", (long long)progress->epoch);
  if (result == NULL) return CHAINRULE_FAIL; /* the exception stays set */
  Py_DECREF(result);
  return CHAINRULE_CONTINUE;
}

int main(int argc, char **argv) {
  chainrule_model *model = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_history *history = NULL;
  chainrule_fit_options options;
  chainrule_array x, y, out;
  static float scores[IMAGES * CLASSES];
  PyObject *kind = NULL, *value = NULL, *traceback = NULL, *text;
  size_t epochs = 0;
  int round;
  embed_start("callback_raises", argc, argv);
  embed_train_in_python();
  embed_run("def on_epoch(epoch):\n"
            "    if epoch == 2:\n"
            "        raise ValueError('the third epoch is unlucky')\n");
  x = chainrule_matrix(images, IMAGES, PIXELS), y = chainrule_labels(digits, IMAGES);
  out = chainrule_matrix(scores, IMAGES, CLASSES);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options, options.epochs = 10;
  options.on_epoch = on_epoch, options.user = PyDict_GetItemString(embed_globals, "on_epoch");
  SUCCEEDS(chainrule_model_create(NULL, &model));
  SUCCEEDS(chainrule_model_add(model, "input", "shape=64", NULL));
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=10", NULL));
  SUCCEEDS(chainrule_trainer_create(model, "cross_entropy", "adam lr=0.01", &trainer));
  for (round = 0; round < 2; round++) {
    CHECK_EQUAL(chainrule_trainer_fit(trainer, &x, &y, &options, &history), CHAINRULE_CALLBACK);
    CHECK(strstr(chainrule_last_error()->message, "chainrule_trainer_fit") != NULL);
    CHECK(PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Fetch(&kind, &value, &traceback);
    PyErr_NormalizeException(&kind, &value, &traceback);
    text = value ? PyObject_Str(value) : NULL;
    CHECK(text && strcmp(PyUnicode_AsUTF8(text), "the third epoch is unlucky") == 0);
    Py_XDECREF(text);
    Py_XDECREF(kind);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    SUCCEEDS(chainrule_history_epochs(history, &epochs));
    CHECK_EQUAL(epochs, 3);
    chainrule_history_free(history);
  }
  SUCCEEDS(chainrule_model_predict(model, &x, &out));
  options.on_epoch = NULL;
  SUCCEEDS(chainrule_trainer_fit(trainer, &x, &y, &options, NULL));
  embed_run("model.fit(x, y, epochs=1, verbose=0)\n");
  /* The same within the package: its own fit hands the exception on. */
  embed_run("class Unlucky(cr.Callback):\n"
            "    def on_epoch_end(self, epoch, logs=None):\n"
            "        raise RuntimeError('unlucky')\n"
            "try:\n"
            "    model.fit(x, y, epochs=3, verbose=0, callbacks=[Unlucky()])\n"
            "    raise AssertionError('the exception was lost')\n"
            "except RuntimeError as error:\n"
            "    assert str(error) == 'unlucky'\n"
            "assert np.isfinite(model.predict(x)).all()\n");
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return embed_finish();
}
