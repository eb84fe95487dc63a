/* A C thread trains without the GIL while Python trains and predicts; then Python ends, C goes on, and the
   process ends cleanly although the library's threads still sleep in it. */
#include <pthread.h>

#include "c_training.h"

static float alone[IMAGES * CLASSES], beside[IMAGES * CLASSES], after[IMAGES * CLASSES];
static const CLibrary library = {chainrule_model_create,   chainrule_model_add,    chainrule_model_predict,
                                 chainrule_model_free,     chainrule_trainer_create, chainrule_trainer_fit,
                                 chainrule_trainer_free,   chainrule_last_error};

static void *train_often(void *unused) {
  int round;
  (void)unused;
  for (round = 0; round < 5; round++) library.free_model(c_train(&library, beside));
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t thread;
  int code, threads;
  SUCCEEDS(chainrule_set_num_threads(2));
  embed_start("two_threads", argc, argv);
  embed_train_in_python();
  library.free_model(c_train(&library, alone));
  if (pthread_create(&thread, NULL, train_often, NULL) != 0) exit(4);
  embed_run("cr.set_num_threads(2)\n"
            "expected = model.predict(x)\n"
            "for i in range(5):\n"
            "    again = cr.Sequential(cr.Linear(64, 48), cr.ReLU(), cr.Dropout(0.1), cr.Linear(48, 10), seed=7)\n"
            "    again.compile(loss='cross_entropy', optimizer=cr.Adam(lr=0.005))\n"
            "    again.fit(x, y, epochs=6, batch_size=32, verbose=0)\n"
            "    assert np.array_equal(again.predict(x), expected)\n");
  Py_BEGIN_ALLOW_THREADS;
  pthread_join(thread, NULL);
  Py_END_ALLOW_THREADS;
  CHECK(memcmp(alone, beside, sizeof alone) == 0);
  code = embed_finish();
  threads = embed_thread_count();
  printf("# %d threads after Python's end\n", threads);
  library.free_model(c_train(&library, after));
  if (memcmp(alone, after, sizeof alone) != 0 || threads < 1 || threads > 6) {
    printf("not ok embedding two_threads after Python's end - other bits, or %d threads\n", threads);
    return 1;
  }
  return code; /* from main, with all destructors */
}
