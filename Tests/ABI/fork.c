/* fork: the child gets no threads of the parent's team, and uses the library all the same. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define ROWS 128
#define FEATURES 200
static float x[ROWS * FEATURES], y[ROWS * 10];
static chainrule_array in, out;

static void data(void) {
  test_fill(x, ROWS * FEATURES, 1);
  test_fill(y, ROWS * 10, 2);
  in = chainrule_matrix(x, ROWS, FEATURES);
  out = chainrule_matrix(y, ROWS, 10);
}

/* Trains a network large enough for the team, predicts, and answers a hash of both. */
static uint64_t work(chainrule_model *model, int steps) {
  chainrule_trainer *trainer = NULL;
  static float p[ROWS * 10];
  chainrule_array prediction = chainrule_matrix(p, ROWS, 10);
  uint64_t hash;
  int i;
  if (!SUCCEEDS(chainrule_trainer_create(model, "mse", "adam lr=0.001", &trainer))) return 0;
  for (i = 0; i < steps; i++) SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  SUCCEEDS(chainrule_model_predict(model, &in, &prediction));
  hash = test_hash(test_parameter_hash(model), p, sizeof p);
  chainrule_trainer_free(trainer);
  return hash;
}

static uint64_t fresh_work(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 256, 10, "relu");
  uint64_t hash = work(model, 5);
  chainrule_model_free(model);
  return hash;
}

/* 0 if the child did its work with these bits; it is given half a minute before a hang is assumed. */
static int child_answers(pid_t child) {
  int state = 0;
  if (waitpid(child, &state, 0) != child) return -1;
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

static void child_works(void) {
  uint64_t expected, inherited;
  chainrule_model *model;
  pid_t child;
  data();
  SUCCEEDS(chainrule_set_num_threads(2));
  expected = fresh_work(); /* the team exists now */
  model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 256, 10, "relu");
  fflush(stdout);
  child = fork();
  if (child == 0) {
    int right;
    alarm(30);
    right = fresh_work() == expected;
    inherited = work(model, 5); /* a model from before the fork */
    chainrule_model_free(model);
    exit(right && inherited == expected && test_case_failures == 0 ? 0 : 1);
  }
  CHECK_EQUAL(child_answers(child), 0);
  CHECK(work(model, 5) == expected); /* and the parent did not notice */
  chainrule_model_free(model);
}

static void grandchild_works(void) {
  uint64_t expected;
  pid_t child;
  data();
  SUCCEEDS(chainrule_set_num_threads(2));
  expected = fresh_work();
  fflush(stdout);
  child = fork();
  if (child == 0) {
    pid_t grandchild;
    int right;
    alarm(60);
    right = fresh_work() == expected;
    grandchild = fork();
    if (grandchild == 0) {
      alarm(30);
      exit(fresh_work() == expected ? 0 : 1);
    }
    exit(right && child_answers(grandchild) == 0 ? 0 : 1);
  }
  CHECK_EQUAL(child_answers(child), 0);
}

static int stop;
static void *train_without_end(void *unused) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 3, FEATURES, 256, 10, "relu");
  chainrule_trainer *trainer = NULL;
  (void)unused;
  SUCCEEDS(chainrule_trainer_create(model, "mse", "sgd lr=0.001", &trainer));
  while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
    if (!SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL))) break;
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return NULL;
}

/* The fork may come at any point of another thread's step. */
static void fork_while_training(void) {
  pthread_t thread;
  uint64_t expected;
  int i;
  data();
  SUCCEEDS(chainrule_set_num_threads(2));
  expected = fresh_work();
  stop = 0;
  REQUIRE(pthread_create(&thread, NULL, train_without_end, NULL) == 0);
  for (i = 0; i < 25; i++) {
    pid_t child;
    usleep((useconds_t)(i * 137));
    fflush(stdout);
    child = fork();
    if (child == 0) {
      alarm(30);
      _exit(fresh_work() == expected ? 0 : 1);
    }
    CHECK_EQUAL(child_answers(child), 0);
    if (test_case_failures) break;
  }
  __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
  pthread_join(thread, NULL);
}

/* What a process has once: kinds, and the texts that name them. */
static void *name_without_end(void *unused) {
  (void)unused;
  while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) CHECK(chainrule_catalog_kind(CHAINRULE_LOSSES, 3) != NULL);
  return NULL;
}

static void fork_while_naming(void) {
  pthread_t thread;
  int i;
  stop = 0;
  /* The first calls are over when the forks come, as the header asks: Swift's one-time initialisers bear none. */
  chainrule_model_free(test_mlp(CHAINRULE_FLOAT32, 3, FEATURES, 8, 10, "relu"));
  for (i = 0; i < 4; i++) CHECK(chainrule_catalog_kind(CHAINRULE_LOSSES, i) != NULL);
  REQUIRE(pthread_create(&thread, NULL, name_without_end, NULL) == 0);
  for (i = 0; i < 200 && !test_case_failures; i++) {
    pid_t child;
    usleep((useconds_t)(i * 7));
    fflush(stdout);
    child = fork();
    if (child == 0) {
      chainrule_model *model;
      alarm(30);
      model = test_mlp(CHAINRULE_FLOAT32, 3, FEATURES, 8, 10, "relu");
      _exit(model && chainrule_catalog_kind(CHAINRULE_LOSSES, i % 3) ? 0 : 1);
    }
    CHECK_EQUAL(child_answers(child), 0);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
  pthread_join(thread, NULL);
}

static int32_t fork_in_callback(void *user, const chainrule_progress *progress) {
  pid_t child;
  (void)progress;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    alarm(30);
    _exit(fresh_work() == *(uint64_t *)user ? 0 : 1);
  }
  return child_answers(child) == 0 ? CHAINRULE_STOP : CHAINRULE_FAIL;
}

static void fork_from_a_callback(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 256, 10, "relu");
  chainrule_trainer *trainer = NULL;
  chainrule_fit_options options = test_fit_options(1, 64);
  uint64_t expected;
  data();
  SUCCEEDS(chainrule_set_num_threads(2));
  expected = fresh_work();
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adam", &trainer));
  options.on_batch = fork_in_callback, options.user = &expected;
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("fork");
  RUN(child_works);
  RUN(grandchild_works);
  RUN(fork_while_training);
  RUN(fork_while_naming);
  RUN(fork_from_a_callback);
  return test_finish();
}
