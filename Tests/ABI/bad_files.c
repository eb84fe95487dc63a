/* Files that cannot be read: missing, of another format, lying about their tensors, truncated, damaged. */
#include <sys/stat.h>

#include "files.h"

static float x[8 * 4], y[8 * 2];

static chainrule_trainer *checkpoint_of(chainrule_model **model) {
  chainrule_trainer *trainer = NULL;
  chainrule_array in = chainrule_matrix(x, 8, 4), out = chainrule_matrix(y, 8, 2);
  test_fill(x, 8 * 4, 1);
  test_fill(y, 8 * 2, 2);
  *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu");
  SUCCEEDS(chainrule_trainer_create(*model, "mse", "adam", &trainer));
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  return trainer;
}

static void missing(void) {
  chainrule_model *model;
  chainrule_trainer *trainer;
  chainrule_model *good = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu");
  size_t i;
  const char *places[4];
  places[0] = test_path("not-there"), places[1] = test_path("no/such/folder"), places[2] = test_folder, places[3] = "";
  test_poison(&model, sizeof model);
  test_poison(&trainer, sizeof trainer);
  for (i = 0; i < 4; i++) {
    FAILS_ONE_OF(BIT(CHAINRULE_IO) | (places[i][0] ? 0 : BIT(CHAINRULE_INVALID_ARGUMENT)),
                 chainrule_model_load(places[i], &model));
    FAILS_ONE_OF(BIT(CHAINRULE_IO) | (places[i][0] ? 0 : BIT(CHAINRULE_INVALID_ARGUMENT)),
                 chainrule_trainer_load(places[i], &model, &trainer));
    FAILS_ONE_OF(BIT(CHAINRULE_IO) | (places[i][0] ? 0 : BIT(CHAINRULE_INVALID_ARGUMENT)),
                 chainrule_model_load_parameters(good, places[i], 0));
    if (i > 0)
      FAILS_ONE_OF(BIT(CHAINRULE_IO) | (places[i][0] ? 0 : BIT(CHAINRULE_INVALID_ARGUMENT)),
                   chainrule_model_save(good, places[i]));
  }
  FAILS_SAYING(CHAINRULE_IO, "not-there", chainrule_model_load(test_path("not-there"), &model));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_load(NULL, &model));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_load(test_path("not-there"), NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_save(NULL, test_path("not-there")));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_save(good, NULL));
  /* A named pipe that nobody writes into is refused, not waited for. */
  REQUIRE(mkfifo(test_path("pipe"), 0600) == 0);
  FAILS_SAYING(CHAINRULE_IO, "regular file", chainrule_model_load(test_path("pipe"), &model));
  FAILS_SAYING(CHAINRULE_IO, "regular file", chainrule_model_save(good, test_path("pipe")));
  CHECK_EQUAL(test_clear_folder(), 1);
  CHECK_UNTOUCHED(model);
  CHECK_UNTOUCHED(trainer);
  CHECK_EQUAL(test_clear_folder(), 0);
  SUCCEEDS(chainrule_model_save(good, test_path("now-there")));
  test_clear_folder();
  chainrule_model_free(good);
}

static void foreign(void) {
  static const struct {
    const char *bytes;
    size_t length;
  } files[] = {
      {"", 0},
      {"\0", 1},
      {"\x89PNG\r\n\x1a\n0123456789abcdef", 24},
      {"{\"version\": 1}", 14},
      {"PK\003\004aaaaaaaaaaaaaaaaaaaaaaaa", 28}, /* torch.save */
      {"\0\0\0\0\0\0\0\0", 8},
      {"\2\0\0\0\0\0\0\0{}", 10},
      {"\2\0\0\0\0\0\0\0[]", 10},
      {"\2\0\0\0\0\0\0\0{}trailing", 18},
      {"\377\377\377\377\377\377\377\377{}", 10},
      {"\377\377\377\377\377\377\377\177{}", 10},
      {"\0\0\0\100\0\0\0\0{}", 10},
      {"\12\0\0\0\0\0\0\0{\"a\":nope}", 18},
  };
  chainrule_model *model, *good = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu");
  chainrule_trainer *trainer;
  uint64_t hash = test_parameter_hash(good);
  size_t i;
  test_poison(&model, sizeof model);
  test_poison(&trainer, sizeof trainer);
  for (i = 0; i < sizeof files / sizeof *files; i++) {
    const char *path = test_path("foreign");
    REQUIRE(test_write(path, files[i].bytes, files[i].length));
    FAILS(CHAINRULE_FORMAT, chainrule_model_load(path, &model));
    FAILS(CHAINRULE_FORMAT, chainrule_trainer_load(path, &model, &trainer));
    if (files[i].length == 10 && files[i].bytes[8] == '{' && files[i].bytes[0] == 2)
      FAILS_ONE_OF(BIT(CHAINRULE_FORMAT) | BIT(CHAINRULE_NOT_FOUND), /* a good file, without one tensor of ours */
                   chainrule_model_load_parameters(good, path, 0));
    else
      FAILS(CHAINRULE_FORMAT, chainrule_model_load_parameters(good, path, 0));
  }
  CHECK(test_parameter_hash(good) == hash);
  CHECK_UNTOUCHED(model);
  CHECK_UNTOUCHED(trainer);
  chainrule_model_free(good);
  test_clear_folder();
}

/* Headers in good JSON that lie about the tensors. */
static void lying_headers(void) {
  static const char *const headers[] = {
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[0,64]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[64,128]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[128,0]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[-128,0]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[0,1000]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[9223372036854775800,9223372036854775807]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[1e300,1e301]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[0]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":\"0\"}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4]}}",
      "{\"0.weight\":{\"dtype\":\"F99\",\"shape\":[8,4],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"dtype\":7,\"shape\":[8,4],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"shape\":[8,4],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[-8,-4],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8.5,4],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,32],\"data_offsets\":[0,128]}}",
      /* a size of 0 hides one whose stride overflows */
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[0,4611686018427387904],\"data_offsets\":[0,0]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[32],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,16,0],\"data_offsets\":[0,0]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[32],\"data_offsets\":[0,128]}}",
      /* one place for two tensors, and a hole behind them */
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[16],\"data_offsets\":[0,64]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[16],\"data_offsets\":[0,64]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[0,32]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[24],\"data_offsets\":[16,112]}}",
      "{\"0.weight\":[1,2,3]}",
      "{\"0.weight\":null}",
      "{\"__metadata__\":7,\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[0,128]}}",
      "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[0,128]}",
  };
  chainrule_model *good = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu"), *model;
  uint64_t hash = test_parameter_hash(good);
  char file[700];
  size_t i;
  test_poison(&model, sizeof model);
  for (i = 0; i < sizeof headers / sizeof *headers; i++) {
    uint64_t length = strlen(headers[i]);
    test_case_part = headers[i];
    memset(file, 0, sizeof file);
    memcpy(file, &length, 8);
    memcpy(file + 8, headers[i], length);
    REQUIRE(test_write(test_path("liar"), file, 8 + length + 128));
    FAILS_ONE_OF(BIT(CHAINRULE_FORMAT) | BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_DTYPE),
                 chainrule_model_load_parameters(good, test_path("liar"), 0));
    FAILS(CHAINRULE_FORMAT, chainrule_model_load(test_path("liar"), &model));
  }
  /* JSON nested without end would overflow the stack of a careless reader. */
  {
    size_t deep = 200000;
    uint64_t length = deep;
    char *nested = (char *)malloc(8 + deep);
    memcpy(nested, &length, 8);
    memset(nested + 8, '[', deep);
    REQUIRE(test_write(test_path("deep"), nested, 8 + deep));
    FAILS(CHAINRULE_FORMAT, chainrule_model_load(test_path("deep"), &model));
    free(nested);
  }
  CHECK(test_parameter_hash(good) == hash);
  CHECK_UNTOUCHED(model);
  chainrule_model_free(good);
  test_clear_folder();
}

/* Every prefix of a checkpoint: FORMAT, and nothing written anywhere. */
static void truncated(void) {
  chainrule_model *model = NULL, *loaded;
  chainrule_trainer *trainer = checkpoint_of(&model), *other;
  size_t length = 0, cut;
  char *bytes;
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("whole")));
  bytes = test_read(test_path("whole"), &length);
  REQUIRE(bytes != NULL && length > 100);
  test_poison(&loaded, sizeof loaded);
  test_poison(&other, sizeof other);
  for (cut = 0; cut < length; cut += cut < 700 ? 1 : 37) {
    FAILS(CHAINRULE_FORMAT, chainrule_model_deserialize(bytes, cut, &loaded));
    if (cut % 5 == 0) {
      REQUIRE(test_write(test_path("part"), bytes, cut));
      FAILS(CHAINRULE_FORMAT, chainrule_trainer_load(test_path("part"), &loaded, &other));
      FAILS(CHAINRULE_FORMAT, chainrule_model_load_parameters(model, test_path("part"), 0));
    }
    if (test_case_failures) break;
  }
  CHECK_UNTOUCHED(loaded);
  CHECK_UNTOUCHED(other);
  free(bytes);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  test_clear_folder();
}

/* Single bytes changed: refused or accepted (a weight may be any number), never a crash. */
static void damaged(void) {
  chainrule_model *model = NULL;
  chainrule_trainer *trainer = checkpoint_of(&model);
  size_t length = 0, at, header;
  uint64_t state = 7, stated;
  char *bytes;
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("whole")));
  bytes = test_read(test_path("whole"), &length);
  REQUIRE(bytes != NULL && length > 100);
  memcpy(&stated, bytes, 8);
  header = 8 + (size_t)stated;
  for (at = 0; at < header * 3; at++) {
    size_t place = at < header ? at : test_random_bits(&state) % header;
    char saved = bytes[place];
    chainrule_model *loaded = NULL;
    chainrule_trainer *other = NULL;
    bytes[place] = (char)(at < header ? saved ^ 1 : (char)test_random_bits(&state));
    REQUIRE(test_write(test_path("damaged"), bytes, length));
    if (chainrule_trainer_load(test_path("damaged"), &loaded, &other) == CHAINRULE_OK) {
      chainrule_trainer_free(other);
      chainrule_model_free(loaded);
    } else {
      CHECK(loaded == NULL && other == NULL);
      CHECK(chainrule_last_error()->status != CHAINRULE_INTERNAL);
    }
    loaded = NULL;
    if (chainrule_model_deserialize(bytes, length, &loaded) == CHAINRULE_OK) chainrule_model_free(loaded);
    bytes[place] = saved;
  }
  free(bytes);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  test_clear_folder();
}

/* Weights in a file that are not finite: refused, or taken as they are. */
static void not_finite_in_a_file(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu"), *loaded;
  size_t length = 0;
  float bad = NAN;
  char *bytes;
  uint64_t hash = test_parameter_hash(model);
  test_poison(&loaded, sizeof loaded);
  REQUIRE_OK(chainrule_model_save(model, test_path("good")));
  bytes = test_read(test_path("good"), &length);
  REQUIRE(bytes != NULL);
  memcpy(bytes + length - 4, &bad, 4);
  REQUIRE(test_write(test_path("bad"), bytes, length));
  if (chainrule_model_load(test_path("bad"), &loaded) == CHAINRULE_OK) {
    CHECK(test_parameter_hash(model) != test_parameter_hash(loaded));
    chainrule_model_free(loaded);
  } else {
    CHECK_UNTOUCHED(loaded);
  }
  CHECK(test_parameter_hash(model) == hash);
  free(bytes);
  chainrule_model_free(model);
  test_clear_folder();
}

/* A description of a model far larger than the file: its tensors are not there, and no memory is taken. */
static void too_small_for_its_model(void) {
  static const char header[] =
      "{\"__metadata__\":{\"chainrule_format\":\"1\",\"chainrule_dtype\":\"float32\",\"chainrule_seed\":\"0\","
      "\"chainrule_outputs\":\"1\",\"chainrule_model\":"
      "\"input\\t\\tshape=1000000\\nlinear\\t0\\tout_features=4000000\"}}";
  chainrule_model *model;
  uint64_t length = sizeof header - 1;
  char file[8 + sizeof header];
  test_poison(&model, sizeof model);
  memcpy(file, &length, 8);
  memcpy(file + 8, header, length);
  FAILS_SAYING(CHAINRULE_FORMAT, "0.weight", chainrule_model_deserialize(file, 8 + length, &model));
  CHECK_UNTOUCHED(model);
}

/* A header that alone would take more memory than the tensors of most models. */
static void enormous_header(void) {
  uint64_t length = 26000000;
  char *file = (char *)malloc(8 + length);
  chainrule_model *model;
  test_poison(&model, sizeof model);
  REQUIRE(file != NULL);
  memset(file, ' ', 8 + length);
  memcpy(file, &length, 8);
  memcpy(file + 8, "{}", 2);
  FAILS_SAYING(CHAINRULE_FORMAT, "25000000", chainrule_model_deserialize(file, 8 + length, &model));
  /* As large as it may be: more layers than a model may have. */
  length = 24000000;
  memcpy(file, &length, 8);
  {
    static const char start[] =
        "{\"__metadata__\":{\"chainrule_format\":\"1\",\"chainrule_dtype\":\"float32\",\"chainrule_seed\":\"0\","
        "\"chainrule_outputs\":\"1\",\"chainrule_model\":\"input\\t\\tshape=1";
    static const char line[] = "\\nrelu\\t0\\t";
    size_t at = 8 + sizeof start - 1;
    memcpy(file + 8, start, sizeof start - 1);
    while (at + sizeof line + 8 < 8 + length) {
      memcpy(file + at, line, sizeof line - 1);
      at += sizeof line - 1;
    }
    memcpy(file + at, "\"}}", 3);
  }
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "number of nodes", chainrule_model_deserialize(file, 8 + length, &model));
  CHECK_UNTOUCHED(model);
  free(file);
}

/* Counters near the largest number would overflow as training goes on. */
static void extreme_counters(void) {
  static const char *const keys[] = {"chainrule_step", "chainrule_epoch", "chainrule_batch"};
  static const char *const values[] = {"9223372036854775807", "9007199254740993", "-1", "1e3", "", "18446744073709551616"};
  chainrule_model *model = NULL, *loaded;
  chainrule_trainer *trainer = checkpoint_of(&model), *other;
  chainrule_array in = chainrule_matrix(x, 8, 4), out = chainrule_matrix(y, 8, 2);
  chainrule_fit_options options = test_fit_options(2, 4);
  size_t length = 0, k, v;
  char *bytes;
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("whole")));
  bytes = test_read(test_path("whole"), &length);
  REQUIRE(bytes != NULL);
  test_poison(&loaded, sizeof loaded);
  test_poison(&other, sizeof other);
  for (k = 0; k < 3; k++)
    for (v = 0; v < sizeof values / sizeof *values; v++) {
      REQUIRE(test_write_changed(test_path("changed"), bytes, length, keys[k], values[v]));
      FAILS_SAYING(CHAINRULE_FORMAT, keys[k], chainrule_trainer_load(test_path("changed"), &loaded, &other));
    }
  CHECK_UNTOUCHED(loaded);
  CHECK_UNTOUCHED(other);
  for (k = 0; k < 3; k++) {
    REQUIRE(test_write_changed(test_path("changed"), bytes, length, keys[k], "9007199254740992"));
    REQUIRE_OK(chainrule_trainer_load(test_path("changed"), &loaded, &other));
    SUCCEEDS(chainrule_trainer_step(other, &in, &out, NULL, NULL));
    options.resume = 1;
    SUCCEEDS(chainrule_trainer_fit(other, &in, &out, &options, NULL));
    options.resume = 0;
    SUCCEEDS(chainrule_trainer_fit(other, &in, &out, &options, NULL));
    chainrule_trainer_free(other);
    chainrule_model_free(loaded);
  }
  free(bytes);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  test_clear_folder();
}

int main(void) {
  TEST_MAIN("bad_files");
  if (!test_make_folder()) return 2;
  RUN(missing);
  RUN(foreign);
  RUN(lying_headers);
  RUN(truncated);
  RUN(damaged);
  RUN(not_finite_in_a_file);
  RUN(too_small_for_its_model);
  RUN(enormous_header);
  RUN(extreme_counters);
  test_remove_folder();
  return test_finish();
}
