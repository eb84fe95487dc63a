/*
 * State dicts that PyTorch wrote, of a multilayer perceptron, a convolutional network, an LSTM, a transformer
 * encoder and convolutions under weight_norm and spectral_norm, load by name, and the networks compute what PyTorch's do.
 * Usage: state_dict FOLDER, where FOLDER is Tests/Oracle/state_dicts.
 */
#include "files.h"
#include "oracle.h"

static OracleCase current;
static char path[700];

static chainrule_model *network(chainrule_dtype dtype) {
  chainrule_model *model = test_model(dtype, 7);
  int i;
  for (i = 0; i < current.node_count; i++) {
    chainrule_node sources[ORACLE_FEW];
    char *cursor = current.nodes[i][1];
    size_t count = 0;
    if (*cursor != '-')
      do sources[count++] = (chainrule_node)strtol(cursor, &cursor, 10);
      while (*cursor++ == ',' && count < ORACLE_FEW);
    SUCCEEDS(chainrule_model_add_node(model, current.nodes[i][0], current.nodes[i][2], count ? sources : NULL, count, NULL));
  }
  return model;
}

static void compare(const chainrule_model *model, chainrule_dtype dtype, const char *what) {
  chainrule_array x = oracle_array(&current.inputs[0], dtype), y = oracle_array(&current.expected[0], dtype);
  test_poison(y.data, current.expected[0].count * (dtype == CHAINRULE_FLOAT64 ? 8 : 4));
  if (SUCCEEDS(chainrule_model_predict(model, &x, &y))) oracle_compare(&current.expected[0], &y, what);
  free(x.data);
  free(y.data);
}

static void load(chainrule_dtype dtype) {
  chainrule_model *model = network(dtype), *other = network(dtype), *whole = NULL;
  const char *copy = test_path("copy.safetensors");
  /* strict: every tensor of the file has its parameter, and every parameter its tensor. */
  if (SUCCEEDS(chainrule_model_load_parameters(model, path, 1))) {
    compare(model, dtype, "what PyTorch wrote:");
    /* What is written here has the same names. */
    SUCCEEDS(chainrule_model_save(model, copy));
    SUCCEEDS(chainrule_model_load_parameters(other, copy, 1));
    CHECK(test_parameter_hash(other) == test_parameter_hash(model));
    if (SUCCEEDS(chainrule_model_load(copy, &whole))) compare(whole, dtype, "the model's own file:");
  }
  chainrule_model_free(model);
  chainrule_model_free(other);
  chainrule_model_free(whole);
}

static void load_current(void) {
  load(CHAINRULE_FLOAT64);
  load(CHAINRULE_FLOAT32);
}

/* One layer more than the file knows: its parameters are missing there, by name. */
static void does_not_fit(void) {
  chainrule_model *model = network(CHAINRULE_FLOAT32);
  uint64_t before;
  test_add(model, "linear", "out_features=2 name=extra");
  before = test_parameter_hash(model);
  FAILS_ONE_OF(BIT(CHAINRULE_NOT_FOUND) | BIT(CHAINRULE_FORMAT), chainrule_model_load_parameters(model, path, 1));
  CHECK(strstr(chainrule_last_error()->message, "extra.") != NULL);
  CHECK(test_parameter_hash(model) == before);
  SUCCEEDS(chainrule_model_load_parameters(model, path, 0));
  CHECK(test_parameter_hash(model) != before);
  chainrule_model_free(model);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "Tests/Oracle/state_dicts";
  char name[400];
  FILE *file;
  int count = 0;
  TEST_MAIN("state_dict");
  snprintf(path, sizeof path, "%s/values.txt", folder);
  if (!test_make_folder()) return 2;
  file = fopen(path, "r");
  while (file != NULL && oracle_read(file, &current)) {
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, current.name);
    test_run(current.name, load_current);
    snprintf(name, sizeof name, "%s does not fit", current.name);
    test_run(name, does_not_fit);
    oracle_free(&current);
    count++;
  }
  if (file != NULL) fclose(file);
  test_remove_folder();
  if (count != 5) printf("not ok state_dict - %d cases in %s, not 5\n", count, folder);
  return count != 5 ? 2 : test_finish();
}
