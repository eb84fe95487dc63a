/*
 * No memory: every large request of every kind of call is made to fail, one at a time. The answer is
 * CHAINRULE_OUT_OF_MEMORY, nothing has changed, and the same call works as soon as there is memory.
 *
 * Requests of 16 KiB and more fail: those are the tensors, arenas, file buffers and orders of samples,
 * whose size the caller's numbers decide. Smaller ones are objects of the Swift runtime, such as the list
 * of a plan's steps; the language has no answer when those fail, and they do not grow with the data.
 */
#include "interpose.h"
#include "files.h"

enum { THRESHOLD = 16384, MOST = 200, ROWS = 3000, FEATURES = 120, HIDDEN = 120, OUTPUTS = 40 };
static float x[ROWS * FEATURES], y[ROWS * OUTPUTS], p[ROWS * OUTPUTS];
static chainrule_array in, out, prediction;
static chainrule_model *model;
static chainrule_trainer *trainer;
static uint64_t hash;

static void fresh(void) {
  model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, HIDDEN, OUTPUTS, "tanh");
  trainer = NULL;
  SUCCEEDS(chainrule_trainer_create(model, "mse", "adam", &trainer));
  hash = test_parameter_hash(model);
}

static void give_back(void) {
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Prepares, then makes the call with its 1st, 2nd, ... large request failing, until none is left to fail;
   after each failure checks, and makes the call again with memory. */
#define EVERY_REQUEST_FAILS(prepare, call, check, after)                                              \
  do {                                                                                                \
    int64_t which, failed = 1, seen = 0;                                                              \
    for (which = 1; which <= MOST && failed; which++) {                                               \
      chainrule_status status;                                                                        \
      prepare;                                                                                        \
      test_mark();                                                                                    \
      interpose_fail(THRESHOLD, which);                                                               \
      status = (call);                                                                                \
      failed = interpose_stop_failing();                                                              \
      seen += failed;                                                                                 \
      if (failed) {                                                                                   \
        test_fails(BIT(CHAINRULE_OUT_OF_MEMORY), NULL, status, #call, __FILE__, __LINE__);            \
        check;                                                                                        \
        if (status != CHAINRULE_OK) SUCCEEDS(call);                                                   \
      } else {                                                                                        \
        test_succeeds(status, #call, __FILE__, __LINE__);                                             \
      }                                                                                               \
      after;                                                                                          \
      if (test_case_failures) break;                                                                  \
    }                                                                                                 \
    CHECK(seen > 0 && which < MOST);                                                                  \
    interpose_fail(THRESHOLD, 0);                                                                     \
    interpose_stop_failing();                                                                         \
  } while (0)

/* Parameters are taken when a layer is added, or when somebody first asks for them. */
static void drawing_parameters(void) {
  EVERY_REQUEST_FAILS(model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, HIDDEN, OUTPUTS, "tanh"),
                      chainrule_model_initialize(model, 2), (void)0, chainrule_model_free(model));
}

static void creating_a_trainer(void) {
  static chainrule_trainer *other;
  /* Memory may be taken at creation or at the first step; both are one undertaking here. */
  EVERY_REQUEST_FAILS(
      {
        fresh();
        other = NULL;
      },
      (other == NULL ? chainrule_trainer_create(model, "mse", "adam", &other) : CHAINRULE_OK) == CHAINRULE_OK
          ? chainrule_trainer_step(other, &in, &out, NULL, NULL)
          : chainrule_last_error()->status,
      CHECK(test_parameter_hash(model) == hash), {
        chainrule_trainer_free(other);
        give_back();
      });
}

static void stepping(void) {
  EVERY_REQUEST_FAILS(fresh(), chainrule_trainer_step(trainer, &in, &out, NULL, NULL),
                      CHECK(test_parameter_hash(model) == hash), give_back());
}

/* Overwrites nothing but its own: memory that the library gave back belongs to the program. */
enum { PIECES = 40, PIECE = 100000 };
static char *taken[PIECES];
static void take_memory(void) {
  int i;
  for (i = 0; i < PIECES; i++) {
    taken[i] = (char *)malloc(PIECE);
    test_poison(taken[i], PIECE);
  }
}
static void return_memory(void) {
  int i;
  for (i = 0; i < PIECES; i++) {
    CHECK(test_is_poisoned(taken[i], PIECE));
    free(taken[i]);
  }
}

/* A batch for which there is no memory leaves the plans of other batches whole. */
static void other_batches_go_on(void) {
  chainrule_array few = chainrule_matrix(x, 500, FEATURES), wanted = chainrule_matrix(y, 500, OUTPUTS);
  double expected[2] = {0, 0}, loss = 0;
  int64_t which, failed = 1, seen = 0;
  int i;
  fresh();
  for (i = 0; i < 2; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &few, &wanted, NULL, &expected[i]));
  give_back();
  for (which = 1; which <= MOST && failed && !test_case_failures; which++) {
    chainrule_status status;
    fresh();
    REQUIRE_OK(chainrule_trainer_step(trainer, &few, &wanted, NULL, &loss));
    CHECK(loss == expected[0]);
    interpose_fail(THRESHOLD, which);
    status = chainrule_trainer_step(trainer, &in, &out, NULL, NULL);
    failed = interpose_stop_failing();
    seen += failed;
    if (failed) {
      CHECK_EQUAL(status, CHAINRULE_OUT_OF_MEMORY);
      take_memory();
      REQUIRE_OK(chainrule_trainer_step(trainer, &few, &wanted, NULL, &loss));
      CHECK(loss == expected[1]);
      return_memory();
      SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    }
    give_back();
  }
  CHECK(seen > 0);
}

/* The same in a context, between the two halves of a pass. */
static void passes_go_on(void) {
  chainrule_context *context = NULL;
  chainrule_array few = chainrule_matrix(x, 500, FEATURES), small = chainrule_matrix(p, 500, OUTPUTS);
  int64_t which, failed = 1;
  for (which = 1; which <= MOST && failed && !test_case_failures; which++) {
    fresh();
    REQUIRE_OK(chainrule_context_create(model, &context));
    REQUIRE_OK(chainrule_context_forward(context, &few, 1));
    interpose_fail(THRESHOLD, which);
    (void)chainrule_context_forward(context, &in, 1);
    failed = interpose_stop_failing();
    if (failed) {
      take_memory();
      if (chainrule_context_output(context, 0, &small) != CHAINRULE_OK)
        CHECK_EQUAL(chainrule_last_error()->status, CHAINRULE_STATE);
      if (chainrule_context_backward(context, NULL) != CHAINRULE_OK)
        CHECK_EQUAL(chainrule_last_error()->status, CHAINRULE_STATE);
      REQUIRE_OK(chainrule_context_forward(context, &few, 1));
      SUCCEEDS(chainrule_context_backward(context, NULL));
      return_memory();
    }
    chainrule_context_free(context);
    give_back();
  }
}

static void fitting(void) {
  static chainrule_fit_options options;
  static chainrule_array weight;
  static float weights[ROWS];
  int i;
  for (i = 0; i < ROWS; i++) weights[i] = 1;
  weight = chainrule_vector(weights, ROWS);
  options = test_fit_options(2, 500);
  options.sample_weight = &weight;
  options.validation_split = 0.25, options.restore_best = 1, options.patience = 5;
  EVERY_REQUEST_FAILS(fresh(), chainrule_trainer_fit(trainer, &in, &out, &options, NULL), (void)0, give_back());
}

static int32_t no_more_memory(void *user, const chainrule_progress *progress) {
  (void)user;
  if (progress->epoch == 0 && progress->batch == 0) interpose_fail(THRESHOLD, 0);
  return CHAINRULE_CONTINUE;
}

/* Whatever a fit needs it has taken when the first batch is done, for evaluating too. */
static void fitting_takes_all_at_the_start(void) {
  chainrule_array few = chainrule_matrix(x, 300, FEATURES), wanted = chainrule_matrix(y, 300, OUTPUTS);
  chainrule_fit_options options = test_fit_options(3, 16);
  options.validation_x = &in, options.validation_y = &out; /* ten times as many, in larger batches */
  options.on_batch = no_more_memory;
  fresh();
  SUCCEEDS(chainrule_trainer_fit(trainer, &few, &wanted, &options, NULL));
  CHECK_EQUAL(interpose_stop_failing(), 0);
  give_back();
}

static void evaluating(void) {
  static double values[4];
  EVERY_REQUEST_FAILS(fresh(), chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 4, NULL),
                      CHECK(test_parameter_hash(model) == hash), give_back());
}

static void predicting(void) {
  EVERY_REQUEST_FAILS(
      {
        fresh();
        test_poison(p, sizeof p);
      },
      chainrule_model_predict(model, &in, &prediction), CHECK(test_is_poisoned(p, sizeof p)), give_back());
}

/* Without room for its copy, a wide weight is read as it lies. */
static void predicting_without_packed_weights(void) {
  static float wanted[ROWS * OUTPUTS];
  chainrule_array first = chainrule_matrix(wanted, ROWS, OUTPUTS);
  int64_t which, failed = 1, without = 0;
  for (which = 0; which < MOST && failed; which++) {
    chainrule_model *wide = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 1024, OUTPUTS, "tanh");
    if (which == 0) {
      SUCCEEDS(chainrule_model_predict(wide, &in, &first));
    } else {
      chainrule_status status;
      test_poison(p, sizeof p);
      interpose_fail(THRESHOLD, which);
      status = chainrule_model_predict(wide, &in, &prediction);
      failed = interpose_stop_failing();
      if (status == CHAINRULE_OK) {
        CHECK(memcmp(p, wanted, sizeof p) == 0);
        without += failed;
      } else {
        CHECK(status == CHAINRULE_OUT_OF_MEMORY && test_is_poisoned(p, sizeof p));
      }
    }
    chainrule_model_free(wide);
  }
  CHECK(without > 0 && which < MOST);
}

static void passing(void) {
  static chainrule_context *context;
  EVERY_REQUEST_FAILS(
      {
        fresh();
        REQUIRE_OK(chainrule_context_create(model, &context));
      },
      chainrule_context_forward(context, &in, 1), (void)0, {
        chainrule_context_free(context);
        give_back();
      });
}

static void saving(void) {
  EVERY_REQUEST_FAILS(fresh(), chainrule_trainer_save(trainer, test_path("saved")),
                      CHECK_EQUAL(test_clear_folder(), 0), give_back());
}

static void loading(void) {
  static chainrule_model *loaded;
  fresh();
  REQUIRE_OK(chainrule_model_save(model, test_path("model")));
  give_back();
  EVERY_REQUEST_FAILS(loaded = NULL, chainrule_model_load(test_path("model"), &loaded), CHECK(loaded == NULL),
                      chainrule_model_free(loaded));
  test_clear_folder();
}

static void loading_a_checkpoint(void) {
  static chainrule_model *loaded;
  static chainrule_trainer *other;
  fresh();
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("checkpoint")));
  give_back();
  EVERY_REQUEST_FAILS(
      {
        loaded = NULL;
        other = NULL;
      },
      chainrule_trainer_load(test_path("checkpoint"), &loaded, &other), CHECK(loaded == NULL && other == NULL), {
        chainrule_trainer_free(other);
        chainrule_model_free(loaded);
      });
  test_clear_folder();
}

static void loading_parameters(void) {
  fresh();
  REQUIRE_OK(chainrule_model_save(model, test_path("model")));
  give_back();
  EVERY_REQUEST_FAILS(
      {
        fresh();
        SUCCEEDS(chainrule_model_initialize(model, 99));
        hash = test_parameter_hash(model);
      },
      chainrule_model_load_parameters(model, test_path("model"), 1), CHECK(test_parameter_hash(model) == hash),
      give_back());
  test_clear_folder();
}

int main(void) {
  TEST_MAIN("out_of_memory");
  if (!test_make_folder()) return 2;
  test_fill(x, ROWS * FEATURES, 1);
  test_fill(y, ROWS * OUTPUTS, 2);
  in = chainrule_matrix(x, ROWS, FEATURES);
  out = chainrule_matrix(y, ROWS, OUTPUTS);
  prediction = chainrule_matrix(p, ROWS, OUTPUTS);
  RUN(drawing_parameters);
  RUN(creating_a_trainer);
  RUN(stepping);
  RUN(other_batches_go_on);
  RUN(passes_go_on);
  RUN(fitting);
  RUN(fitting_takes_all_at_the_start);
  RUN(evaluating);
  RUN(predicting);
  RUN(predicting_without_packed_weights);
  RUN(passing);
  RUN(saving);
  RUN(loading);
  RUN(loading_a_checkpoint);
  RUN(loading_parameters);
  test_remove_folder();
  return test_finish();
}
