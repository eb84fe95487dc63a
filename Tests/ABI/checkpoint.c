/* Saving and loading: round trips bit for bit, files from elsewhere, checkpoints that go on training. */
#include <sys/stat.h>

#include "files.h"

#define ROWS 40
static float x[ROWS * 4], y[ROWS * 2];
static chainrule_array in, out;

static void data(void) {
  test_fill(x, ROWS * 4, 1);
  test_fill(y, ROWS * 2, 2);
  in = chainrule_matrix(x, ROWS, 4);
  out = chainrule_matrix(y, ROWS, 2);
}

static void round_trip(void) {
  static const chainrule_dtype dtypes[2] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
  int i;
  data();
  for (i = 0; i < 2; i++) {
    chainrule_model *model = test_mlp(dtypes[i], 1, 4, 8, 2, "gelu"), *loaded = NULL;
    float before[ROWS * 2], after[ROWS * 2];
    char text[2000], text_again[2000];
    chainrule_array p = chainrule_matrix(before, ROWS, 2), q = chainrule_matrix(after, ROWS, 2);
    REQUIRE_OK(chainrule_model_save(model, test_path("model.safetensors")));
    REQUIRE_OK(chainrule_model_load(test_path("model.safetensors"), &loaded));
    CHECK(test_parameter_hash(model) == test_parameter_hash(loaded));
    REQUIRE_OK(chainrule_model_predict(model, &in, &p));
    REQUIRE_OK(chainrule_model_predict(loaded, &in, &q));
    CHECK(memcmp(before, after, sizeof before) == 0);
    SUCCEEDS(chainrule_model_summary(model, text, sizeof text, NULL));
    SUCCEEDS(chainrule_model_summary(loaded, text_again, sizeof text_again, NULL));
    CHECK(strcmp(text, text_again) == 0);
    chainrule_model_free(model);
    chainrule_model_free(loaded);
    CHECK_EQUAL(test_clear_folder(), 1); /* nothing written aside is left over */
  }
}

/* A new file's permissions are the umask's, those of an old one stay. */
static void permissions(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu");
  struct stat information;
  mode_t before = umask(027);
  REQUIRE_OK(chainrule_model_save(model, test_path("model")));
  REQUIRE(stat(test_path("model"), &information) == 0);
  CHECK_EQUAL(information.st_mode & 0777, 0640);
  REQUIRE(chmod(test_path("model"), 0604) == 0);
  REQUIRE_OK(chainrule_model_save(model, test_path("model")));
  REQUIRE(stat(test_path("model"), &information) == 0);
  CHECK_EQUAL(information.st_mode & 0777, 0604);
  CHECK_EQUAL(umask(before), 027);
  chainrule_model_free(model);
  CHECK_EQUAL(test_clear_folder(), 1);
}

/* Every kind of attribute, names with letters from everywhere, several inputs and outputs. */
static void round_trip_of_a_graph(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 9), *loaded = NULL;
  chainrule_node a, b, h, c, pair[2], outs[2];
  double xa[6], xb[6], before[2][6], after[2][6];
  chainrule_array inputs[2], outputs[2];
  int i;
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=3 name=einsähnlich", &a));
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=3", &b));
  REQUIRE_OK(chainrule_model_add_node(model, "linear", "out_features=3 bias=false weight_init=normal(0,0.5)", &a, 1, &h));
  REQUIRE_OK(chainrule_model_add_node(model, "leaky_relu", "negative_slope=0.3", &h, 1, &h));
  REQUIRE_OK(chainrule_model_add(model, "constant", "shape=3 value=1.25,-0.1,1e-7 name=\"quoted\"", &c));
  pair[0] = h, pair[1] = c;
  REQUIRE_OK(chainrule_model_add_node(model, "mul", "", pair, 2, &outs[0]));
  pair[1] = b;
  REQUIRE_OK(chainrule_model_add_node(model, "sub", "", pair, 2, &h));
  REQUIRE_OK(chainrule_model_add_node(model, "softmax", "dim=-1", &h, 1, &outs[1]));
  REQUIRE_OK(chainrule_model_set_outputs(model, outs, 2));
  test_fill_float64(xa, 6, 1);
  test_fill_float64(xb, 6, 2);
  inputs[0] = chainrule_matrix_float64(xa, 2, 3), inputs[1] = chainrule_matrix_float64(xb, 2, 3);
  for (i = 0; i < 2; i++) outputs[i] = chainrule_matrix_float64(before[i], 2, 3);
  REQUIRE_OK(chainrule_model_predict(model, inputs, outputs));
  REQUIRE_OK(chainrule_model_save(model, test_path("graph.safetensors")));
  REQUIRE_OK(chainrule_model_load(test_path("graph.safetensors"), &loaded));
  for (i = 0; i < 2; i++) outputs[i].data = after[i];
  REQUIRE_OK(chainrule_model_predict(loaded, inputs, outputs));
  CHECK(memcmp(before, after, sizeof before) == 0);
  chainrule_model_free(model);
  chainrule_model_free(loaded);
  test_clear_folder();
}

static void serialize(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu"), *loaded, *unset;
  size_t length = 0, on_disk = 0, again = 0;
  char *buffer, *file;
  test_poison(&loaded, sizeof loaded);
  unset = loaded;
  REQUIRE_OK(chainrule_model_serialize(model, NULL, 0, &length));
  CHECK(length > 58 * 4 && length < 20000);
  buffer = (char *)malloc(length + 16);
  test_poison(buffer, length + 16);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_serialize(NULL, buffer, length, &again));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_serialize(model, NULL, length, &again));
  again = 0;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_serialize(model, buffer, length - 1, &again));
  CHECK_EQUAL(again, length); /* set in any case */
  CHECK(test_is_poisoned(buffer, length + 16));
  REQUIRE_OK(chainrule_model_serialize(model, buffer, length + 16, &again));
  CHECK(again == length && test_is_poisoned(buffer + length, 16));
  REQUIRE_OK(chainrule_model_save(model, test_path("same")));
  file = test_read(test_path("same"), &on_disk);
  CHECK(on_disk == length && file != NULL && memcmp(file, buffer, length) == 0);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_deserialize(NULL, length, &loaded));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_deserialize(buffer, length, NULL));
  FAILS(CHAINRULE_FORMAT, chainrule_model_deserialize(buffer, 0, &loaded));
  FAILS(CHAINRULE_FORMAT, chainrule_model_deserialize(buffer, length - 1, &loaded));
  FAILS(CHAINRULE_FORMAT, chainrule_model_deserialize(buffer, length + 1, &loaded));
  CHECK(loaded == unset);
  REQUIRE_OK(chainrule_model_deserialize(buffer, length, &loaded));
  CHECK(test_parameter_hash(model) == test_parameter_hash(loaded));
  chainrule_model_free(loaded);
  chainrule_model_free(model);
  free(buffer);
  free(file);
  test_clear_folder();
}

/* A safetensors file written here by hand, as the safetensors package would. */
static int write_tensors(const char *path, const char *header, const void *values, size_t bytes) {
  char file[4000];
  uint64_t length = strlen(header);
  memcpy(file, &length, 8);
  memcpy(file + 8, header, length);
  memcpy(file + 8 + length, values, bytes);
  return test_write(path, file, 8 + length + bytes);
}

static void parameters_from_elsewhere(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  float values[8] = {1, 2, 3, 4, 5, 6, 0.5f, -0.5f}, got[6];
  double wide[8];
  chainrule_array weight = chainrule_matrix(got, 2, 3), bias = chainrule_vector(got, 2);
  uint64_t before;
  const unsigned missing = BIT(CHAINRULE_NOT_FOUND) | BIT(CHAINRULE_FORMAT);
  int i;
  test_add(model, "input", "shape=3");
  test_add(model, "linear", "out_features=2");
  before = test_parameter_hash(model);
  for (i = 0; i < 8; i++) wide[i] = values[i] + 1;
#define WEIGHT "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"
#define BIAS "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}"
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_load_parameters(NULL, test_path("p"), 1));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_load_parameters(model, NULL, 1));
  FAILS(CHAINRULE_IO, chainrule_model_load_parameters(model, test_path("missing"), 1));
  REQUIRE(write_tensors(test_path("p"), "{" WEIGHT "," BIAS "}  ", values, 32));
  REQUIRE(write_tensors(test_path("q"), "{" WEIGHT "}", values, 24));
  FAILS_WITH(missing, "0.bias", chainrule_model_load_parameters(model, test_path("q"), 1));
  REQUIRE(write_tensors(test_path("q"), "{" WEIGHT ",\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[24,32]}}", values, 32));
  FAILS_SAYING(CHAINRULE_SHAPE, "0.bias", chainrule_model_load_parameters(model, test_path("q"), 0));
  REQUIRE(write_tensors(test_path("q"), "{" WEIGHT "," BIAS ",\"9.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[32,36]}}", wide, 36));
  FAILS_WITH(missing, "9.bias", chainrule_model_load_parameters(model, test_path("q"), 1));
  CHECK(test_parameter_hash(model) == before); /* all or nothing */
  REQUIRE_OK(chainrule_model_load_parameters(model, test_path("p"), 1));
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.weight", &weight));
  CHECK(memcmp(got, values, 24) == 0);
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.bias", &bias));
  CHECK(memcmp(got, values + 6, 8) == 0);
  /* Not strict: what is there is taken. float64 is converted. */
  REQUIRE(write_tensors(test_path("q"), "{\"0.bias\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},\"other\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[16,24]}}", wide, 24));
  REQUIRE_OK(chainrule_model_load_parameters(model, test_path("q"), 0));
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.bias", &bias));
  CHECK(got[0] == 2 && got[1] == 3);
  /* A file without a model's description is no model. */
  {
    chainrule_model *none;
    test_poison(&none, sizeof none);
    FAILS(CHAINRULE_FORMAT, chainrule_model_load(test_path("p"), &none));
    CHECK_UNTOUCHED(none);
  }
  chainrule_model_free(model);
  test_clear_folder();
}

static int64_t batches_left;
static int32_t break_off(void *user, const chainrule_progress *progress) {
  (void)progress;
  if (batches_left > 0 && --batches_left == 0) chainrule_trainer_cancel((chainrule_trainer *)user);
  return CHAINRULE_CONTINUE;
}

/* Six epochs of five batches: in one go, or broken off after stop_batch batches and taken up again, from
   the same handles or from a checkpoint. */
static uint64_t trained(const char *optimizer, const char *extra, int64_t stop_batch, int checkpoint) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 5);
  chainrule_trainer *trainer = NULL;
  chainrule_fit_options options = test_fit_options(6, 8);
  uint64_t hash = 0;
  int64_t steps = 0;
  data();
  test_add(model, "input", "shape=4");
  test_add(model, "linear", "out_features=8");
  test_add(model, extra, "");
  test_add(model, "linear", "out_features=2");
  if (!SUCCEEDS(chainrule_trainer_create(model, "mse", optimizer, &trainer))) return 0;
  options.on_batch = break_off, options.user = trainer;
  batches_left = stop_batch;
  if (stop_batch > 0) {
    CHECK_EQUAL(chainrule_trainer_fit(trainer, &in, &out, &options, NULL), CHAINRULE_CANCELLED);
    CHECK_EQUAL(chainrule_trainer_step_count(trainer, &steps), CHAINRULE_OK);
    CHECK_EQUAL(steps, stop_batch);
    if (checkpoint) {
      SUCCEEDS(chainrule_trainer_save(trainer, test_path("checkpoint")));
      chainrule_trainer_free(trainer);
      chainrule_model_free(model);
      model = NULL, trainer = NULL;
      if (!SUCCEEDS(chainrule_trainer_load(test_path("checkpoint"), &model, &trainer))) return 0;
      SUCCEEDS(chainrule_trainer_step_count(trainer, &steps));
      CHECK_EQUAL(steps, stop_batch);
    }
    options.resume = 1, options.user = trainer;
  }
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  SUCCEEDS(chainrule_trainer_step_count(trainer, &steps));
  CHECK_EQUAL(steps, 30);
  hash = test_parameter_hash(model);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return hash;
}

static void going_on_gives_the_same_bits(void) {
  static const char *const optimizers[] = {"sgd lr=0.1", "sgd lr=0.05 momentum=0.9 nesterov=true", "adam lr=0.01",
                                           "adamw lr=0.01 clip_norm=1", "rmsprop lr=0.001 momentum=0.5 centered=true",
                                           "adam lr=0.01 amsgrad=true", "nadam lr=0.01 momentum_decay=0.1", "radam lr=0.01",
                                           "adamax", "adagrad initial_accumulator_value=0.1", "adadelta", "rprop lr=0.001",
                                           "asgd lr=0.1 lambd=0.1 t0=5", "adafactor", "lion lr=0.001", "lamb lr=0.01",
                                           "muon lr=0.01; *.bias adamw", "sgd momentum=0.9; 0.* frozen=true; *.bias lr=0.1"};
  static const int64_t stops[] = {10, 13, 1}; /* the end of an epoch, the middle of one, the first batch */
  size_t i, k;
  for (i = 0; i < sizeof optimizers / sizeof *optimizers; i++)
    for (k = 0; k < 3; k++) {
      const char *extra = k == 1 ? "dropout" : "tanh";
      uint64_t whole = trained(optimizers[i], extra, 0, 0);
      if (whole != trained(optimizers[i], extra, stops[k], 0))
        test_fail(__FILE__, __LINE__, "%s, broken off after %d batches: other bits", optimizers[i], (int)stops[k]);
      if (whole != trained(optimizers[i], extra, stops[k], 1))
        test_fail(__FILE__, __LINE__, "%s, checkpoint after %d batches: other bits", optimizers[i], (int)stops[k]);
    }
  test_clear_folder();
}

/* A checkpoint is the model's file with more beside it: it loads as a model too, not the other way round. */
static void checkpoint_as_model(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu"), *loaded, *unset;
  chainrule_trainer *trainer = NULL, *other;
  data();
  test_poison(&loaded, sizeof loaded);
  test_poison(&other, sizeof other);
  unset = loaded;
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adam", &trainer));
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("checkpoint")));
  REQUIRE_OK(chainrule_model_save(model, test_path("model")));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_load(NULL, &loaded, &other));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_load(test_path("checkpoint"), NULL, &other));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_load(test_path("checkpoint"), &loaded, NULL));
  FAILS(CHAINRULE_FORMAT, chainrule_trainer_load(test_path("model"), &loaded, &other));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_save(NULL, test_path("checkpoint")));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_save(trainer, NULL));
  CHECK(loaded == unset);
  CHECK_UNTOUCHED(other);
  REQUIRE_OK(chainrule_model_load(test_path("checkpoint"), &loaded));
  CHECK(test_parameter_hash(loaded) == test_parameter_hash(model));
  chainrule_model_free(loaded);
  REQUIRE_OK(chainrule_trainer_load(test_path("checkpoint"), &loaded, &other));
  chainrule_model_free(loaded);
  SUCCEEDS(chainrule_trainer_step(other, &in, &out, NULL, NULL));
  chainrule_trainer_free(other);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  test_clear_folder();
}

int main(void) {
  TEST_MAIN("checkpoint");
  if (!test_make_folder()) return 2;
  RUN(round_trip);
  RUN(permissions);
  RUN(round_trip_of_a_graph);
  RUN(serialize);
  RUN(parameters_from_elsewhere);
  RUN(going_on_gives_the_same_bits);
  RUN(checkpoint_as_model);
  test_remove_folder();
  return test_finish();
}
