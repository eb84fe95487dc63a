/* With Python running and the package in use, C loads the library by name, trains, and closes it again;
   Python does not notice. */
#include "c_training.h"

static float by_c[IMAGES * CLASSES], by_python[IMAGES * CLASSES];

int main(int argc, char **argv) {
  const char *path = getenv("CHAINRULE_DIRECT");
  CLibrary library;
  void *handle;
  int round;
  embed_start("loaded_late", argc, argv);
  embed_train_in_python();
  embed_lend("by_python", by_python, sizeof by_python, 1);
  for (round = 0; round < 2; round++) {
    handle = dlopen(path ? path : "libchainrule.so", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
      test_fail(__FILE__, __LINE__, "%s", dlerror());
      return embed_finish();
    }
    if (c_library_load(&library, handle)) library.free_model(c_train(&library, by_c));
    else test_fail(__FILE__, __LINE__, "functions are missing");
    CHECK_EQUAL(dlclose(handle), 0);
    memset(by_python, 0, sizeof by_python);
    embed_run("np.frombuffer(by_python, np.float32)[:] = model.predict(x).ravel()\n");
    CHECK(memcmp(by_c, by_python, sizeof by_c) == 0);
  }
  return embed_finish();
}
