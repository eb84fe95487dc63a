/* A layer that was added in two places is there for C: in the catalog, in models, in training, in files. */
#include "support.h"


/* linear, then the layer, which is hardtanh under another name, or hardtanh itself. */
static chainrule_model *network(const char *kind) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 3);
  test_add(model, "input", "shape=5");
  test_add(model, "linear", "out_features=7");
  test_add(model, kind, "min_val=-0.5 max_val=0.25");
  test_add(model, "linear", "out_features=2");
  return model;
}

static void is_in_the_catalog(void) {
  chainrule_entry_info entry;
  chainrule_attribute_info attribute;
  char text[400];
  size_t i;
  int found = 0;
  const char *kind;
  for (i = 0; (kind = chainrule_catalog_kind(CHAINRULE_LAYERS, i)) != NULL; i++) found += strcmp(kind, "added_layer") == 0;
  CHECK_EQUAL(found, 1);
  memset(&entry, 0, sizeof entry);
  entry.struct_size = sizeof entry;
  REQUIRE_OK(chainrule_catalog_entry(CHAINRULE_LAYERS, "added_layer", &entry));
  CHECK(strcmp(entry.class_name, "AddedLayer") == 0 && strstr(entry.documentation, "cut off") != NULL);
  CHECK(entry.keeps_shape == 1 && entry.least_inputs == 1 && entry.most_inputs == 1);
  memset(&attribute, 0, sizeof attribute);
  attribute.struct_size = sizeof attribute;
  REQUIRE_OK(chainrule_catalog_attribute(CHAINRULE_LAYERS, "added_layer", 0, &attribute));
  CHECK(strcmp(attribute.name, "min_val") == 0 && strcmp(attribute.default_text, "-1") == 0);
  REQUIRE_OK(chainrule_catalog_describe(CHAINRULE_LAYERS, "added_layer", text, sizeof text, NULL));
  CHECK(strstr(text, "max_val=<") != NULL);
}

static void refuses(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  test_add(model, "input", "shape=5");
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "min_val < max_val", chainrule_model_add(model, "added_layer", "min_val=2 max_val=1", NULL));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "max_value", chainrule_model_add(model, "added_layer", "max_value=1", NULL));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "min_val", chainrule_model_add(model, "added_layer", "min_val=low", NULL));
  chainrule_model_free(model);
}

static void predict(const chainrule_model *model, double *y) {
  double x[20];
  chainrule_array in = chainrule_matrix_float64(x, 4, 5), out = chainrule_matrix_float64(y, 4, 2);
  test_fill_float64(x, 20, 1);
  SUCCEEDS(chainrule_model_predict(model, &in, &out));
}

static void computes(void) {
  chainrule_model *model = network("added_layer"), *other = network("hardtanh");
  double x[20], y[8], z[8], worst = 1;
  chainrule_array in = chainrule_matrix_float64(x, 4, 5);
  predict(model, y);
  predict(other, z);
  CHECK(memcmp(y, z, sizeof y) == 0);
  test_fill_float64(x, 20, 1);
  SUCCEEDS(chainrule_check_gradients(model, &in, 0, &worst));
  CHECK(worst < 1e-6);
  chainrule_model_free(model);
  chainrule_model_free(other);
}

static void trains_and_is_saved(void) {
  chainrule_model *model = network("added_layer"), *copy = NULL;
  chainrule_trainer *trainer = NULL;
  double x[20], t[8], y[8], z[8], first = 0, last = 0;
  chainrule_array in = chainrule_matrix_float64(x, 4, 5), target = chainrule_matrix_float64(t, 4, 2);
  char *bytes;
  size_t length = 0;
  int i;
  test_fill_float64(x, 20, 1);
  test_fill_float64(t, 8, 2);
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.1", &trainer));
  for (i = 0; i < 50; i++) SUCCEEDS(chainrule_trainer_step(trainer, &in, &target, NULL, i ? &last : &first));
  CHECK(last < 0.5 * first);
  REQUIRE_OK(chainrule_model_serialize(model, NULL, 0, &length));
  bytes = (char *)malloc(length);
  REQUIRE_OK(chainrule_model_serialize(model, bytes, length, &length));
  REQUIRE_OK(chainrule_model_deserialize(bytes, length, &copy));
  predict(model, y);
  predict(copy, z);
  CHECK(memcmp(y, z, sizeof y) == 0);
  free(bytes);
  chainrule_model_free(copy);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("added layer");
  RUN(is_in_the_catalog);
  RUN(refuses);
  RUN(computes);
  RUN(trains_and_is_saved);
  return test_finish();
}
