/* A training in C calls Python after every batch and epoch; Python predicts with a network of its own
   meanwhile, sees the numbers, and ends the training. */
#include "embed.h"

static int32_t call(PyObject *function, const chainrule_progress *progress) {
  PyObject *result = PyObject_CallFunction(function, "LLd", (long long)progress->epoch, (long long)progress->batch,
                                           progress->loss);
  long answer = result ? PyLong_AsLong(result) : CHAINRULE_FAIL;
  Py_XDECREF(result);
  return (int32_t)answer;
}

static int32_t on_batch(void *user, const chainrule_progress *progress) {
  return call(((PyObject **)user)[0], progress);
}
static int32_t on_epoch(void *user, const chainrule_progress *progress) {
  return call(((PyObject **)user)[1], progress);
}

int main(int argc, char **argv) {
  chainrule_model *model = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_history *history = NULL;
  chainrule_fit_options options;
  PyObject *functions[2];
  size_t epochs = 0, i;
  double losses[20];
  embed_start("callback", argc, argv);
  embed_train_in_python();
  embed_run("batches, epochs = [], []\n"
            "expected = model.predict(x[:40])\n"
            "def on_batch(epoch, batch, loss):\n"
            "    batches.append(loss)\n"
            "    return 0 if np.array_equal(model.predict(x[:40]), expected) else 2\n"
            "def on_epoch(epoch, batch, loss):\n"
            "    epochs.append(loss)\n"
            "    other = cr.Sequential(cr.Linear(64, 10), seed=epoch)\n" /* trains inside a training */
            "    other.compile(loss='cross_entropy', optimizer='sgd')\n"
            "    other.fit(x, y, epochs=1, verbose=0)\n"
            "    return 1 if epoch == 4 else 0\n");
  functions[0] = PyDict_GetItemString(embed_globals, "on_batch");
  functions[1] = PyDict_GetItemString(embed_globals, "on_epoch");
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options, options.epochs = 20, options.batch_size = 50;
  options.on_batch = on_batch, options.on_epoch = on_epoch, options.user = functions;
  SUCCEEDS(chainrule_model_create(NULL, &model));
  SUCCEEDS(chainrule_model_add(model, "input", "shape=64", NULL));
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=10", NULL));
  SUCCEEDS(chainrule_trainer_create(model, "cross_entropy", "adam", &trainer));
  {
    chainrule_array x = chainrule_matrix(images, IMAGES, PIXELS), y = chainrule_labels(digits, IMAGES);
    SUCCEEDS(chainrule_trainer_fit(trainer, &x, &y, &options, &history));
  }
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  CHECK_EQUAL(epochs, 5);
  CHECK_EQUAL(embed_number("len(epochs)"), 5);
  CHECK_EQUAL(embed_number("len(batches)"), 5 * IMAGES / 50);
  SUCCEEDS(chainrule_history_values(history, "loss", losses, 20, NULL));
  for (i = 0; i < 5; i++) {
    char expression[40];
    snprintf(expression, sizeof expression, "epochs[%zu]", i);
    CHECK(embed_number(expression) == losses[i]);
  }
  chainrule_history_free(history);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return embed_finish();
}
