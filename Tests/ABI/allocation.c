/* A training step allocates nothing, and chainrule_trainer_memory tells what training takes. */
#include "interpose.h"
#include "support.h"

enum { STEPS = 1000, LARGEST = 128, FEATURES = 100, CLASSES = 10 };
static float x[LARGEST * FEATURES];
static double wide[LARGEST * FEATURES], strided[LARGEST * FEATURES * 2];
static int32_t labels[LARGEST];
static int64_t long_labels[LARGEST];
static float targets[LARGEST * CLASSES], weights[LARGEST];

static void data(void) {
  int i;
  test_fill(x, LARGEST * FEATURES, 1);
  for (i = 0; i < LARGEST * FEATURES; i++) wide[i] = strided[2 * i] = x[i];
  test_fill(targets, LARGEST * CLASSES, 2);
  test_fill_labels(labels, LARGEST, CLASSES, 3);
  for (i = 0; i < LARGEST; i++) long_labels[i] = labels[i], weights[i] = 1 + (float)(i % 3);
}

static const char *compute = "float32";

/* 1000 steps after two to warm up; with a second batch size in turn if other_rows is not 0. */
static void count_steps(chainrule_dtype dtype, const char *loss, const char *optimizer, chainrule_array in,
                        chainrule_array out, const chainrule_array *weight, int64_t other_rows) {
  chainrule_model *model = test_model(dtype, 1);
  chainrule_trainer *trainer = NULL;
  chainrule_array small_in = in, small_out = out;
  chainrule_status worst = CHAINRULE_OK;
  double value = 0;
  int i;
  test_add(model, "input", "shape=100");
  test_add(model, "linear", "out_features=256");
  test_add(model, "relu", "");
  test_add(model, "dropout", "p=0.2");
  test_add(model, "linear", "out_features=256");
  test_add(model, "gelu", "");
  test_add(model, "linear", "out_features=10");
  SUCCEEDS(chainrule_model_set_compute(model, compute));
  REQUIRE_OK(chainrule_trainer_create(model, loss, optimizer, &trainer));
  small_in.shape[0] = small_out.shape[0] = other_rows;
  for (i = 0; i < 3; i++) {
    REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, weight, &value));
    if (other_rows) REQUIRE_OK(chainrule_trainer_step(trainer, &small_in, &small_out, NULL, &value));
  }
  interpose_count(1);
  for (i = 0; i < STEPS && worst == CHAINRULE_OK; i++)
    worst = other_rows && i % 2 ? chainrule_trainer_step(trainer, &small_in, &small_out, NULL, &value)
                                : chainrule_trainer_step(trainer, &in, &out, weight, &value);
  interpose_count(0);
  SUCCEEDS(worst);
  CHECK_EQUAL(interpose_calls, 0);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static void for_each_thread_count(chainrule_dtype dtype, const char *loss, const char *optimizer, chainrule_array in,
                                  chainrule_array out, const chainrule_array *weight, int64_t other_rows) {
  int before = chainrule_get_num_threads(), threads;
  for (threads = 1; threads <= 2; threads++) {
    SUCCEEDS(chainrule_set_num_threads(threads));
    count_steps(dtype, loss, optimizer, in, out, weight, other_rows);
  }
  SUCCEEDS(chainrule_set_num_threads(before));
}

static void steps_in_place(void) {
  data();
  for_each_thread_count(CHAINRULE_FLOAT32, "cross_entropy", "adam", chainrule_matrix(x, 64, FEATURES),
                        chainrule_labels(labels, 64), NULL, 0);
}

static void steps_of_bfloat16(void) {
  compute = "bfloat16";
  steps_in_place();
  compute = "float32";
}

static void steps_with_two_batch_sizes(void) {
  data();
  for_each_thread_count(CHAINRULE_FLOAT32, "mse", "sgd momentum=0.9 clip_norm=1", chainrule_matrix(x, 64, FEATURES),
                        chainrule_matrix(targets, 64, CLASSES), NULL, 17);
}

static void steps_that_convert(void) {
  chainrule_array in = chainrule_matrix_float64(wide, 32, FEATURES);
  chainrule_array out = chainrule_view(long_labels, CHAINRULE_INT64, 1, 32, 0, 0, 0);
  chainrule_array weight = chainrule_vector(weights, 32);
  data();
  for_each_thread_count(CHAINRULE_FLOAT32, "cross_entropy label_smoothing=0.1", "adamw", in, out, &weight, 0);
}

static void steps_on_strided_data(void) {
  chainrule_array in = chainrule_matrix_float64(strided, 16, FEATURES);
  data();
  in.strided = 1, in.strides[0] = 16 * FEATURES, in.strides[1] = 16;
  for_each_thread_count(CHAINRULE_FLOAT64, "huber", "rmsprop", in, chainrule_matrix(targets, 16, CLASSES), NULL, 0);
}

static void steps_of_one_sample(void) {
  data();
  for_each_thread_count(CHAINRULE_FLOAT32, "mse", "adam clip_value=0.5", chainrule_matrix(x, 1, FEATURES),
                        chainrule_matrix(targets, 1, CLASSES), NULL, 0);
}

/* A loss with lengths, whose labels are looked at in every step, and one over classes in the middle. */
static void steps_of_sequences(void) {
  static const char *const losses[3] = {"ctc", "ctc reduction=sum", "cross_entropy"};
  int32_t lengths[4] = {20, 20, 20, 20}, counts[4] = {3, 2, 1, 0};
  chainrule_array in = chainrule_view(x, CHAINRULE_FLOAT32, 3, 4, 20, 10, 0), weight = chainrule_vector(weights, 4), out[3];
  int k, i;
  data();
  for (i = 0; i < 80; i++) labels[i] = 1 + labels[i] % 4;
  for (k = 0; k < 3; k++) {
    chainrule_model *model = test_model(k == 1 ? CHAINRULE_FLOAT64 : CHAINRULE_FLOAT32, 1);
    chainrule_trainer *trainer = NULL;
    chainrule_status worst = CHAINRULE_OK;
    out[0] = chainrule_view(labels, CHAINRULE_INT32, 2, 4, k == 2 ? 10 : 3, 0, 0);
    out[1] = chainrule_labels(lengths, 4), out[2] = chainrule_labels(counts, 4);
    test_add(model, "input", "shape=20,10");
    if (k < 2) test_add(model, "linear", "out_features=5");
    else test_add(model, "linear", "out_features=10");
    if (k < 2) test_add(model, "log_softmax", "");
    REQUIRE_OK(chainrule_trainer_create(model, losses[k], "adam", &trainer));
    for (i = 0; i < 3; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, out, k ? &weight : NULL, NULL));
    interpose_count(1);
    for (i = 0; i < STEPS && worst == CHAINRULE_OK; i++) worst = chainrule_trainer_step(trainer, &in, out, k ? &weight : NULL, NULL);
    interpose_count(0);
    SUCCEEDS(worst);
    CHECK_EQUAL(interpose_calls, 0);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

/* Recurrent layers keep what a sequence needs in the plan's memory too. */
static void steps_through_time(void) {
  chainrule_array in = chainrule_matrix(x, 32, FEATURES), out = chainrule_labels(labels, 32);
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 1);
  chainrule_trainer *trainer = NULL;
  chainrule_status worst = CHAINRULE_OK;
  double value = 0;
  int i;
  data();
  test_add(model, "input", "shape=100");
  test_add(model, "reshape", "shape=20,5");
  test_add(model, "gru", "hidden_size=24 num_layers=2 dropout=0.2 bidirectional=true");
  {
    chainrule_node sequence = 2;
    SUCCEEDS(chainrule_model_add_node(model, "lstm", "hidden_size=40 proj_size=24", &sequence, 1, NULL));
  }
  test_add(model, "flatten", "");
  test_add(model, "linear", "out_features=10");
  REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam", &trainer));
  for (i = 0; i < 3; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &value));
  interpose_count(1);
  for (i = 0; i < 100 && worst == CHAINRULE_OK; i++) worst = chainrule_trainer_step(trainer, &in, &out, NULL, &value);
  interpose_count(0);
  SUCCEEDS(worst);
  CHECK_EQUAL(interpose_calls, 0);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Forward, loss, backward and update by hand may allocate (only the trainer's step promises not to), but
   no more as time goes on. */
static void steps_by_hand(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 256, CLASSES, "tanh");
  chainrule_context *context = NULL;
  chainrule_loss *loss = NULL;
  chainrule_optimizer *optimizer = NULL;
  static float prediction[32 * CLASSES], gradient[32 * CLASSES];
  chainrule_array in = chainrule_matrix(x, 32, FEATURES), out = chainrule_labels(labels, 32);
  chainrule_array p = chainrule_matrix(prediction, 32, CLASSES), g = chainrule_matrix(gradient, 32, CLASSES);
  double value = 0;
  int64_t held = 0;
  int i, worst = 0;
  data();
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_loss_create("cross_entropy", &loss));
  REQUIRE_OK(chainrule_optimizer_create("adam", &optimizer));
  for (i = 0; i < STEPS + 3; i++) {
    if (i == 3) {
      held = interpose_held;
      interpose_count(1);
    }
    worst |= (int)chainrule_context_forward(context, &in, 1);
    worst |= (int)chainrule_context_output(context, 0, &p);
    worst |= (int)chainrule_loss_evaluate(loss, &p, &out, NULL, &value, &g);
    worst |= (int)chainrule_context_zero_gradients(context);
    worst |= (int)chainrule_context_backward(context, &g);
    worst |= (int)chainrule_optimizer_step(optimizer, context);
  }
  interpose_count(0);
  CHECK_EQUAL(worst, CHAINRULE_OK);
  printf("# a step by hand makes %lld allocations\n", (long long)(interpose_calls / STEPS));
  CHECK_NEAR(interpose_held - held, 0, 100000);
  chainrule_optimizer_free(optimizer);
  chainrule_loss_free(loss);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

/* What is held after the first step, against what was announced before it. */
static void memory_is_as_told(void) {
  static const chainrule_dtype dtypes[2] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
  static const char *const optimizers[4] = {"sgd", "sgd momentum=0.9", "adam", "rmsprop momentum=0.9"};
  static const int64_t moments[4] = {0, 1, 2, 2};
  int i, type;
  data();
  for (type = 0; type < 3; type++)
    for (i = 0; i < 4; i++) {
      int64_t before = interpose_held, size = type == 1 ? 8 : 4, parameters, held;
      chainrule_model *model = test_model(dtypes[type % 2], 1);
      chainrule_trainer *trainer = NULL;
      chainrule_memory memory;
      chainrule_array in = chainrule_matrix(x, LARGEST, FEATURES), out = chainrule_labels(labels, LARGEST);
      test_add(model, "input", "shape=100");
      test_add(model, "linear", "out_features=700");
      test_add(model, "relu", "");
      test_add(model, "linear", "out_features=700");
      test_add(model, "tanh", "");
      test_add(model, "linear", "out_features=10");
      if (type == 2) SUCCEEDS(chainrule_model_set_compute(model, "bfloat16"));
      parameters = (100 * 700 + 700 + 700 * 700 + 700 + 700 * 10 + 10) * size;
      REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", optimizers[i], &trainer));
      memory = test_memory(trainer, LARGEST);
      REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
      held = interpose_held - before;
      CHECK_NEAR(memory.parameters, parameters, 0.05 * (double)parameters);
      CHECK_NEAR(memory.gradients, parameters, 0.05 * (double)parameters);
      CHECK_NEAR(memory.optimizer, moments[i] * parameters, 0.05 * (double)parameters);
      if (!(fabs((double)held - (double)memory.total) <= 0.05 * (double)memory.total))
        test_fail(__FILE__, __LINE__, "%s, %d bytes a number: %lld bytes held, %llu announced", optimizers[i], (int)size,
                  (long long)held, (unsigned long long)memory.total);
      CHECK_EQUAL(test_memory(trainer, LARGEST).total, memory.total);
      chainrule_trainer_free(trainer);
      chainrule_model_free(model);
      /* And all of it is given back, but for what small things the library keeps for good. */
      CHECK_NEAR(interpose_held - before, 0, 0.02 * (double)memory.total + 65536);
    }
}

/* With activation checkpointing too, set between steps: the memory of the plans goes at once. */
static void segments_are_as_told(void) {
  static const int64_t segments[4] = {0, 4, -1, 0};
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 1);
  chainrule_trainer *trainer = NULL;
  chainrule_array in = chainrule_matrix(x, LARGEST, FEATURES), out = chainrule_labels(labels, LARGEST);
  int64_t before = interpose_held;
  int i, k;
  data();
  test_add(model, "input", "shape=100");
  for (i = 0; i < 16; i++) {
    test_add(model, "linear", "out_features=512");
    test_add(model, "gelu", "");
    test_add(model, "dropout", "p=0.1");
  }
  test_add(model, "linear", "out_features=10");
  REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam", &trainer));
  for (k = 0; k < 4; k++) {
    chainrule_memory memory;
    chainrule_status worst = CHAINRULE_OK;
    int64_t held;
    REQUIRE_OK(chainrule_trainer_set_checkpoint_segments(trainer, segments[k]));
    memory = test_memory(trainer, LARGEST);
    CHECK((memory.checkpointing_saves > 3 << 20) == (segments[k] != 0));
    REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    held = interpose_held - before;
    CHECK_NEAR(held, memory.total, 0.02 * (double)memory.total);
    interpose_count(1);
    for (i = 0; i < 10 && worst == CHAINRULE_OK; i++) worst = chainrule_trainer_step(trainer, &in, &out, NULL, NULL);
    interpose_count(0);
    SUCCEEDS(worst);
    CHECK_EQUAL(interpose_calls, 0);
  }
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Asking what a batch takes takes nothing, however large the answer. */
static void asking_is_free(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 256, CLASSES, "tanh");
  chainrule_trainer *trainer = NULL;
  chainrule_array in = chainrule_matrix(x, 32, FEATURES), out = chainrule_labels(labels, 32);
  int64_t held;
  data();
  REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam", &trainer));
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  held = interpose_held;
  interpose_fail(1 << 20, 0);
  CHECK(test_memory(trainer, INT64_C(1) << 30).activations > UINT64_C(1) << 38);
  CHECK_EQUAL(interpose_stop_failing(), 0);
  CHECK_NEAR(interpose_held - held, 0, 65536);
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Eight batch sizes are kept; arrays that are refused push none of them out. */
static void refused_arrays_keep_plans(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, FEATURES, 64, CLASSES, "tanh");
  chainrule_trainer *trainer = NULL;
  chainrule_array in, out;
  int round, rows;
  data();
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adam", &trainer));
  for (round = 0; round < 3; round++) {
    if (round == 2) {
      for (rows = 20; rows < 40; rows++) {
        in = chainrule_matrix(x, rows, FEATURES - 1), out = chainrule_matrix(targets, rows, CLASSES);
        FAILS(CHAINRULE_SHAPE, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
        in.rank = 1;
        FAILS(CHAINRULE_SHAPE, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
        in = chainrule_matrix(x, rows, FEATURES), out.shape[0]++;
        FAILS(CHAINRULE_SHAPE, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
      }
      interpose_count(1);
    }
    for (rows = 1; rows <= 8; rows++) {
      in = chainrule_matrix(x, rows, FEATURES), out = chainrule_matrix(targets, rows, CLASSES);
      REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    }
  }
  interpose_count(0);
  CHECK_EQUAL(interpose_calls, 0);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("allocation");
  RUN(steps_in_place);
  RUN(steps_of_bfloat16);
  RUN(steps_with_two_batch_sizes);
  RUN(steps_that_convert);
  RUN(steps_on_strided_data);
  RUN(steps_of_one_sample);
  RUN(steps_of_sequences);
  RUN(steps_through_time);
  RUN(steps_by_hand);
  RUN(memory_is_as_told);
  RUN(segments_are_as_told);
  RUN(asking_is_free);
  RUN(refused_arrays_keep_plans);
  return test_finish();
}
