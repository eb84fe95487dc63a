/* The network and training of embed.h, said in C. Every function comes from a table, so that the same
   text serves the linked library and one loaded by name. */
#ifndef C_TRAINING_H
#define C_TRAINING_H

#include <dlfcn.h>

#include "embed.h"

typedef struct {
  __typeof__(&chainrule_model_create) create;
  __typeof__(&chainrule_model_add) add;
  __typeof__(&chainrule_model_predict) predict;
  __typeof__(&chainrule_model_free) free_model;
  __typeof__(&chainrule_trainer_create) create_trainer;
  __typeof__(&chainrule_trainer_fit) fit;
  __typeof__(&chainrule_trainer_free) free_trainer;
  __typeof__(&chainrule_last_error) last_error;
} CLibrary;

static inline int c_library_load(CLibrary *library, void *handle) {
#define C_LIBRARY_FIND(field, name) \
  if ((*(void **)&library->field = dlsym(handle, name)) == NULL) return 0
  C_LIBRARY_FIND(create, "chainrule_model_create");
  C_LIBRARY_FIND(add, "chainrule_model_add");
  C_LIBRARY_FIND(predict, "chainrule_model_predict");
  C_LIBRARY_FIND(free_model, "chainrule_model_free");
  C_LIBRARY_FIND(create_trainer, "chainrule_trainer_create");
  C_LIBRARY_FIND(fit, "chainrule_trainer_fit");
  C_LIBRARY_FIND(free_trainer, "chainrule_trainer_free");
  C_LIBRARY_FIND(last_error, "chainrule_last_error");
  return 1;
}

/* Trains as embed_python_training does and predicts the images into scores. Returns the model, or NULL. */
static inline chainrule_model *c_train(const CLibrary *library, float *scores) {
  chainrule_model_options options;
  chainrule_fit_options fit;
  chainrule_model *model = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_array x = chainrule_matrix(images, IMAGES, PIXELS), y = chainrule_labels(digits, IMAGES);
  chainrule_array out = chainrule_matrix(scores, IMAGES, CLASSES);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options, options.seed = 7;
  memset(&fit, 0, sizeof fit);
  fit.struct_size = sizeof fit, fit.epochs = 6, fit.batch_size = 32;
  if (library->create(&options, &model) != CHAINRULE_OK ||
      library->add(model, "input", "shape=64", NULL) != CHAINRULE_OK ||
      library->add(model, "linear", "out_features=48", NULL) != CHAINRULE_OK ||
      library->add(model, "relu", "", NULL) != CHAINRULE_OK ||
      library->add(model, "dropout", "p=0.1", NULL) != CHAINRULE_OK ||
      library->add(model, "linear", "out_features=10", NULL) != CHAINRULE_OK ||
      library->create_trainer(model, "cross_entropy", "adam lr=0.005", &trainer) != CHAINRULE_OK ||
      library->fit(trainer, &x, &y, &fit, NULL) != CHAINRULE_OK ||
      library->predict(model, &x, &out) != CHAINRULE_OK) {
    test_fail(__FILE__, __LINE__, "%s", library->last_error()->message);
    library->free_trainer(trainer);
    library->free_model(model);
    return NULL;
  }
  library->free_trainer(trainer);
  return model;
}

#endif
