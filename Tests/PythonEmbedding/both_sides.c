/*
 * C links the library, Python loads it through the package: both train the same network on the digits, and
 * every bit agrees; so do they on files that the other side has saved. The runner starts this twice: with
 * one copy of the library for both, and with the package's own copy beside the linked one.
 */
#include "c_training.h"

static float by_c[IMAGES * CLASSES], by_python[IMAGES * CLASSES], again[IMAGES * CLASSES];

/* How many different files of the library are mapped into this process. */
static int copies(void) {
  unsigned long nodes[16], node;
  int count = 0, i;
  char line[1000], *path;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    path = strstr(line, "libchainrule.so");
    if (path == NULL || sscanf(line, "%*s %*s %*s %*s %lu", &node) != 1) continue;
    for (i = 0; i < count && nodes[i] != node; i++) continue;
    if (i == count && count < 16) nodes[count++] = node;
  }
  if (maps != NULL) fclose(maps);
  return count;
}

int main(int argc, char **argv) {
  CLibrary library = {chainrule_model_create, chainrule_model_add,      chainrule_model_predict, chainrule_model_free,
                      chainrule_trainer_create, chainrule_trainer_fit, chainrule_trainer_free,  chainrule_last_error};
  chainrule_array x = chainrule_matrix(images, IMAGES, PIXELS), out = chainrule_matrix(again, IMAGES, CLASSES);
  chainrule_model *model, *loaded = NULL;
  char folder[] = "/tmp/chainrule-embedding-XXXXXX", path[200], text[800];
  embed_start("both_sides", argc, argv);
  if (argc > 3) test_program = argv[3];
  embed_train_in_python();
  if (argc > 4) CHECK_EQUAL(copies(), atoi(argv[4]));
  embed_lend("by_python", by_python, sizeof by_python, 1);
  embed_run("np.frombuffer(by_python, np.float32)[:] = model.predict(x).ravel()\n");
  model = c_train(&library, by_c);
  CHECK(memcmp(by_c, by_python, sizeof by_c) == 0);
  CHECK(embed_right(by_c) > IMAGES * 95 / 100);

  /* Saved by C, loaded by Python; and the other way round. */
  if (mkdtemp(folder) == NULL) exit(4);
  snprintf(path, sizeof path, "%s/digits.safetensors", folder);
  SUCCEEDS(chainrule_model_save(model, path));
  snprintf(text, sizeof text,
           "loaded = cr.load('%s')\n"
           "assert np.array_equal(loaded.predict(x), model.predict(x))\n"
           "model.save('%s')\n",
           path, path);
  embed_run(text);
  if (SUCCEEDS(chainrule_model_load(path, &loaded)) && SUCCEEDS(chainrule_model_predict(loaded, &x, &out)))
    CHECK(memcmp(again, by_c, sizeof by_c) == 0);
  remove(path);
  rmdir(folder);
  chainrule_model_free(loaded);
  /* Python goes first; the C side's model lives on. */
  {
    int code = embed_finish();
    out.data = again;
    memset(again, 0, sizeof again);
    if (chainrule_model_predict(model, &x, &out) != CHAINRULE_OK || memcmp(again, by_c, sizeof by_c) != 0) {
      printf("not ok embedding %s after Python's end - the C side computes something else\n", test_program);
      code = 1;
    }
    chainrule_model_free(model);
    return code;
  }
}
