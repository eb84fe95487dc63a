/*
 * Loading: twice, unloading and loading again, two copies of the library in one process. This program
 * does not link the library; CHAINRULE_LIBRARY names the file.
 */
#include <dlfcn.h>

#include "files.h"

typedef struct {
  __typeof__(&chainrule_version) version;
  __typeof__(&chainrule_set_num_threads) set_num_threads;
  __typeof__(&chainrule_model_create) create;
  __typeof__(&chainrule_model_add) add;
  __typeof__(&chainrule_model_free) free_model;
  __typeof__(&chainrule_model_predict) predict;
  __typeof__(&chainrule_trainer_create) create_trainer;
  __typeof__(&chainrule_trainer_step) step;
  __typeof__(&chainrule_trainer_free) free_trainer;
  __typeof__(&chainrule_last_error) last_error;
} Library;

static int look_up(void *handle, Library *library) {
#define FIND(field, name) \
  if ((*(void **)&library->field = dlsym(handle, name)) == NULL) return 0
  FIND(version, "chainrule_version");
  FIND(set_num_threads, "chainrule_set_num_threads");
  FIND(create, "chainrule_model_create");
  FIND(add, "chainrule_model_add");
  FIND(free_model, "chainrule_model_free");
  FIND(predict, "chainrule_model_predict");
  FIND(create_trainer, "chainrule_trainer_create");
  FIND(step, "chainrule_trainer_step");
  FIND(free_trainer, "chainrule_trainer_free");
  FIND(last_error, "chainrule_last_error");
  return 1;
}

/* What the linked tests call test_fail on, this program reports itself: no library is linked. */
const chainrule_error *chainrule_last_error(void) {
  static const chainrule_error none = {CHAINRULE_OK, "", "", "", ""};
  return &none;
}
const char *chainrule_status_name(chainrule_status status) { return status == CHAINRULE_OK ? "OK" : "a failure"; }
chainrule_status chainrule_set_num_threads(int32_t count) { return count > 0 ? CHAINRULE_OK : CHAINRULE_INVALID_ARGUMENT; }

#define ROWS 128
#define FEATURES 200
static float x[ROWS * FEATURES], y[ROWS * 10];

static uint64_t train(const Library *library) {
  chainrule_model *model = NULL;
  chainrule_trainer *trainer = NULL;
  static float p[ROWS * 10];
  chainrule_array in = chainrule_matrix(x, ROWS, FEATURES), out = chainrule_matrix(y, ROWS, 10);
  chainrule_array prediction = chainrule_matrix(p, ROWS, 10);
  chainrule_status worst = CHAINRULE_OK;
  int i;
#define DO(call) \
  if (worst == CHAINRULE_OK) worst = (call)
  DO(library->set_num_threads(2));
  DO(library->create(NULL, &model));
  DO(library->add(model, "input", "shape=200", NULL));
  DO(library->add(model, "linear", "out_features=256", NULL));
  DO(library->add(model, "relu", "", NULL));
  DO(library->add(model, "linear", "out_features=10", NULL));
  DO(library->create_trainer(model, "mse", "adam", &trainer));
  for (i = 0; i < 5; i++) DO(library->step(trainer, &in, &out, NULL, NULL));
  DO(library->predict(model, &in, &prediction));
  if (worst != CHAINRULE_OK) test_fail(__FILE__, __LINE__, "%s", library->last_error()->message);
  library->free_trainer(trainer);
  library->free_model(model);
  return test_hash(TEST_HASH_START, p, sizeof p);
}

static const char *library_path(void) {
  const char *path = getenv("CHAINRULE_LIBRARY");
  return path ? path : "libchainrule.so";
}

static void twice_and_again(void) {
  Library library;
  uint64_t first = 0;
  int round;
  for (round = 0; round < 3; round++) {
    void *one = dlopen(library_path(), RTLD_NOW | RTLD_LOCAL), *two;
    if (one == NULL) {
      test_fail(__FILE__, __LINE__, "%s", dlerror());
      return;
    }
    two = dlopen(library_path(), RTLD_LAZY);
    CHECK(one == two);
    REQUIRE(look_up(two, &library));
    CHECK(strcmp(library.version(), "0.1.0") == 0);
    if (round == 0) first = train(&library);
    else CHECK(train(&library) == first);
    CHECK_EQUAL(dlclose(one), 0);
    if (round == 1) CHECK(train(&library) == first); /* one handle is left */
    CHECK_EQUAL(dlclose(two), 0);
  }
}

static void two_copies(void) {
  size_t length = 0;
  char *bytes = test_read(library_path(), &length), copy[400];
  void *one, *two;
  Library first, second;
  uint64_t hash;
  REQUIRE(bytes != NULL && length > 0);
  snprintf(copy, sizeof copy, "%s", test_path("libother.so"));
  REQUIRE(test_write(copy, bytes, length));
  free(bytes);
  one = dlopen(library_path(), RTLD_NOW | RTLD_LOCAL);
  two = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
  if (one == NULL || two == NULL) {
    test_fail(__FILE__, __LINE__, "%s", dlerror());
    return;
  }
  CHECK(one != two);
  REQUIRE(look_up(one, &first) && look_up(two, &second));
  CHECK(first.create != second.create);
  hash = train(&first);
  CHECK(train(&second) == hash);
  CHECK(train(&first) == hash);
  CHECK_EQUAL(dlclose(two), 0);
  CHECK(train(&first) == hash);
  CHECK_EQUAL(dlclose(one), 0);
  test_clear_folder();
}

int main(void) {
  TEST_MAIN("reload");
  if (!test_make_folder()) return 2;
  test_fill(x, ROWS * FEATURES, 1);
  test_fill(y, ROWS * 10, 2);
  RUN(twice_and_again);
  RUN(two_copies);
  test_remove_folder();
  return test_finish();
}
