// The C++ wrapper, function by function: results come back, failures throw with all their parts, and an
// exception thrown in a callback comes out of fit. Prints "ok" and "not ok" lines.
#include <chainrule.hpp>

#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace chainrule;

namespace {

void expect(bool condition, const char *what) {
  if (!condition) throw std::logic_error(std::string("expected ") + what);
}
#define EXPECT(condition) expect((condition), #condition)

chainrule_status status_of(const std::function<void()> &call) {
  try {
    call();
  } catch (const Error &error) {
    EXPECT(std::string(error.what()).size() > 10);
    return error.status();
  }
  return CHAINRULE_OK;
}

/// y = 2a - b + 1 in eight samples.
struct Samples {
  std::vector<float> x, y;
  Samples() {
    for (int i = 0; i < 8; i++) {
      x.insert(x.end(), {float(i % 4) - 1.5f, float(i / 4)});
      y.push_back(2 * x[2 * i] - x[2 * i + 1] + 1);
    }
  }
  View inputs() const { return view(x, {8, 2}); }
  View targets() const { return view(y, {8, 1}); }
};

Model line(std::uint64_t seed = 0) {
  Model model(seed);
  model.add("input", "shape=2");
  model.add("linear", "out_features=1");
  return model;
}

void library_and_catalog() {
  EXPECT(version() == "0.1.0");
  EXPECT(!cpu_level().empty());
  set_num_threads(1);
  EXPECT(num_threads() == 1);
  EXPECT(status_of([] { set_num_threads(0); }) == CHAINRULE_INVALID_ARGUMENT);
  const auto losses = catalog(CHAINRULE_LOSSES);
  EXPECT(losses.size() >= 5);
  EXPECT(describe(CHAINRULE_LAYERS, "linear").rfind("linear:", 0) == 0);
  const chainrule_entry_info linear = catalog_entry(CHAINRULE_LAYERS, "linear");
  EXPECT(std::string(linear.class_name) == "Linear" && linear.parameter_count == 2);
  EXPECT(std::string(catalog_attribute(CHAINRULE_LAYERS, "linear", 0).name) == "in_features");
  EXPECT(catalog_parameter("linear", 0).first == "weight");
  EXPECT(status_of([] { catalog_parameter("linear", 9); }) == CHAINRULE_NOT_FOUND);
  EXPECT(status_of([] { catalog_entry(CHAINRULE_LAYERS, "line"); }) == CHAINRULE_NOT_FOUND);
}

/// A layer that doubles its input, a loss of its own, an optimizer and a schedule of constant steps.
void kinds_of_ones_own() {
  chainrule_layer_definition twice = {};
  twice.struct_size = sizeof twice;
  twice.forward = [](void *, const char *, const chainrule_array *inputs, size_t, const chainrule_array *output,
                     std::int32_t) -> std::int32_t {
    for (std::int64_t i = 0; i < output->shape[0] * output->shape[1]; i++)
      static_cast<double *>(output->data)[i] = 2 * static_cast<const double *>(inputs[0].data)[i];
    return 0;
  };
  twice.backward = [](void *, const char *, const chainrule_array *, size_t, const chainrule_array *output,
                      const chainrule_array *slopes, const chainrule_array *result) -> std::int32_t {
    for (std::int64_t i = 0; i < output->shape[0] * output->shape[1]; i++)
      static_cast<double *>(result[0].data)[i] = 2 * static_cast<const double *>(slopes->data)[i];
    return 0;
  };
  register_layer("twice", twice);
  EXPECT(status_of([&] { register_layer("linear", twice); }) != CHAINRULE_OK);
  Model model(0, CHAINRULE_FLOAT64);
  model.add("input", "shape=2");
  model.add("twice");
  std::vector<double> x = {1, 2, 3, 4}, y(4);
  model.predict(view(x, {2, 2}), view(y, {2, 2}));
  EXPECT(y == std::vector<double>({2, 4, 6, 8}));
  EXPECT(model.check_gradients(view(x, {2, 2})) < 1e-6);

  chainrule_optimizer_definition steps = {};
  steps.struct_size = sizeof steps;
  steps.update = [](void *, const char *, std::int64_t, double lr, const chainrule_array *parameter, const chainrule_array *,
                    const chainrule_array *) -> std::int32_t {
    static_cast<float *>(parameter->data)[0] -= static_cast<float>(lr);
    return 0;
  };
  register_optimizer("steps", steps);
  chainrule_schedule_definition rate = {};
  rate.struct_size = sizeof rate;
  rate.rate = [](void *, const char *, double first, std::int64_t, double, double *lr) -> std::int32_t { return *lr = first, 0; };
  register_schedule("same", rate);
  chainrule_metric_definition metric = {};
  metric.struct_size = sizeof metric;
  EXPECT(status_of([&] { register_metric("empty", metric); }) == CHAINRULE_INVALID_ARGUMENT);
  chainrule_loss_definition loss = {};
  loss.struct_size = sizeof loss;
  EXPECT(status_of([&] { register_loss("empty", loss); }) == CHAINRULE_INVALID_ARGUMENT);
  const auto known = catalog(CHAINRULE_OPTIMIZERS);
  EXPECT(known.back() == "steps" && catalog(CHAINRULE_SCHEDULES).back() == "same");
}

void losses_by_themselves() {
  const std::vector<double> p = {1, 2, 3, 4}, t = {0, 2, 5, 1};
  std::vector<double> each(4), slopes(4);
  const Loss loss("mse reduction=none");
  EXPECT(loss.values_shape(view(p, {2, 2}), view(t, {2, 2})) == Shape({2, 2}));
  loss.values(view(p, {2, 2}), view(t, {2, 2}), view(each, {2, 2}), view(slopes, {2, 2}));
  EXPECT(each == std::vector<double>({1, 0, 4, 9}));
  EXPECT(slopes == std::vector<double>({2, 0, -4, 6}));
  EXPECT(status_of([&] { loss.evaluate(view(p, {2, 2}), view(t, {2, 2})); }) == CHAINRULE_STATE);
  EXPECT(Loss("mse").check_gradients(view(p, {2, 2}), view(t, {2, 2})) < 1e-6);
  std::vector<double> matrix(4);
  const std::vector<std::int32_t> taken = {0, 1, 1}, right = {0, 0, 1};
  confusion_matrix(view(taken), view(right), view(matrix, {2, 2}));
  EXPECT(matrix == std::vector<double>({1, 1, 0, 1}));
}

void models_as_layers() {
  const Model inner = line(3);
  Model outer;
  outer.add("input", "shape=2");
  const std::vector<Node> nodes = outer.add(inner, {0}, "inner");
  EXPECT(nodes.size() == 1 && outer.parameter_info(0).name == "inner.0.weight");
}

void views_check_their_shape() {
  std::vector<float> six(6);
  const std::vector<double> constant(6);
  static_assert(std::is_same_v<decltype(view(six)), MutableView>);
  static_assert(std::is_same_v<decltype(view(constant)), View>);
  EXPECT(view(six, {2, 3}).shape[1] == 3);
  EXPECT(view(constant).dtype == CHAINRULE_FLOAT64);
  EXPECT(status_of([&] { view(six, {2, 4}); }) == CHAINRULE_SHAPE);
  EXPECT(status_of([&] { view(six, {-2, -3}); }) == CHAINRULE_SHAPE);
  EXPECT(status_of([&] { view(six.data(), Shape(9, 1)); }) == CHAINRULE_SHAPE);
  std::vector<float> none;
  EXPECT(view(none, {0, 3}).rank == 2);
}

void models() {
  Model model = line();
  EXPECT(model.input_count() == 1 && model.output_count() == 1 && model.parameter_count() == 2);
  const TensorInfo info = model.parameter_info(0);
  EXPECT(info.name == "0.weight" && info.trainable && info.shape == (Shape{1, 2}));
  EXPECT(model.input_info(0).shape == (Shape{-1, 2}));
  EXPECT(model.summary().find("linear") != std::string::npos);

  model.set_parameter("0.weight", view(std::vector<float>{2, -1}, {1, 2}));
  model.set_parameter("0.bias", view(std::vector<float>{1}));
  const Samples samples;
  std::vector<float> predicted(8);
  model.predict(samples.inputs(), view(predicted, {8, 1}));
  EXPECT(predicted == samples.y);

  const Model copy = Model::deserialize(model.serialize());
  std::vector<float> weight(2);
  copy.get_parameter("0.weight", view(weight, {1, 2}));
  EXPECT(weight[0] == 2 && weight[1] == -1);

  const Model moved = std::move(model);
  EXPECT(status_of([&] { model.summary(); }) == CHAINRULE_INVALID_ARGUMENT); // it was moved from
  EXPECT(moved.parameter_count() == 2);
}

void files() {
  const std::string path = "wrapper-test.safetensors";
  const Model model = line(3);
  model.save(path);
  Model loaded = Model::load(path);
  loaded.initialize(4);
  loaded.set_compute("bfloat16");
  EXPECT(loaded.compute() == "bfloat16");
  loaded.set_compute("float32");
  loaded.load_parameters(path);
  EXPECT(loaded.serialize() == model.serialize());
  std::remove(path.c_str());
  EXPECT(status_of([&] { Model::load(path); }) == CHAINRULE_IO);
}

void errors_have_all_parts() {
  Model model = line();
  try {
    model.add("linear", "out_features=many");
    EXPECT(!"reached");
  } catch (const Error &error) {
    EXPECT(error.status() == CHAINRULE_ATTRIBUTE);
    EXPECT(!error.expected().empty() && error.got().find("many") != std::string::npos);
  }
}

void graphs() {
  Model model;
  const Node a = model.add("input", "shape=2"), b = model.add("input", "shape=2");
  const Node sum = model.add("add", "", {a, b}), product = model.add("mul", "", {a, b});
  model.set_outputs({sum, product});
  std::vector<float> x{1, 2}, y{3, 4}, added(2), multiplied(2);
  model.predict({view(x, {1, 2}), view(y, {1, 2})}, {view(added, {1, 2}), view(multiplied, {1, 2})});
  EXPECT(added == (std::vector<float>{4, 6}) && multiplied == (std::vector<float>{3, 8}));
}

/// As many arrays as the model has inputs or outputs, or an exception: C would read behind the list.
void lists_have_the_right_length() {
  Model model;
  const Node a = model.add("input", "shape=2"), b = model.add("input", "shape=2");
  model.add("add", "", {a, b});
  model.add("linear", "out_features=2");
  std::vector<float> x{1, 2}, y{3, 4};
  const View in = view(x, {1, 2});
  const MutableView out = view(y, {1, 2});
  const auto wrong = [](const std::function<void()> &call) {
    try {
      call();
    } catch (const Error &error) {
      return error.status() == CHAINRULE_INVALID_ARGUMENT && !error.expected().empty() && !error.got().empty();
    }
    return false;
  };
  EXPECT(wrong([&] { model.predict(in, out); }));
  EXPECT(wrong([&] { model.predict({}, out); }));
  EXPECT(wrong([&] { model.predict({in, in, in}, out); }));
  EXPECT(wrong([&] { model.predict({in, in}, {out, out}); }));
  EXPECT(wrong([&] { model.predict({in, in}, {}); }));
  model.predict({in, in}, out);
  Context context(model);
  EXPECT(wrong([&] { context.forward(in); }));
  context.forward({in, in});
  EXPECT(wrong([&] { context.backward({out, out}); }));
  context.backward(out);
  Trainer trainer(model, "mse", "sgd");
  FitOptions options;
  EXPECT(wrong([&] { trainer.step(in, out); }));
  EXPECT(wrong([&] { trainer.step({in, in}, {out, out}); }));
  EXPECT(wrong([&] { trainer.step({in, in}); }));
  EXPECT(wrong([&] { trainer.fit(in, out); }));
  EXPECT(wrong([&] { trainer.fit({in, in}, {out, out, out}); }));
  EXPECT(wrong([&] { trainer.evaluate(in, out); }));
  options.validation_x = {in};
  options.validation_y = {out};
  EXPECT(wrong([&] { trainer.fit({in, in}, out, options); }));
  options.validation_x = {in, in};
  trainer.fit({in, in}, out, options);
}

void own_loop() {
  const Samples samples;
  Model model = line();
  Context context(model);
  const Loss loss("mse");
  Optimizer optimizer("sgd lr=0.1");
  std::vector<float> predicted(8), gradient(8), in_inputs(16), in_bias(1);
  double value = 0;
  for (int step = 0; step < 300; step++) {
    context.forward(samples.inputs(), true);
    context.output(view(predicted, {8, 1}));
    value = loss.evaluate(view(predicted, {8, 1}), samples.targets(), view(gradient, {8, 1}));
    context.zero_gradients();
    context.backward(view(gradient, {8, 1}));
    optimizer.step(context);
  }
  EXPECT(value < 1e-3);
  context.gradient("0.bias", view(in_bias));
  context.input_gradient(view(in_inputs, {8, 2}));
  optimizer.set_lr(0.5);
  EXPECT(optimizer.lr() == 0.5);
}

void several_predictions() {
  const Loss loss("margin_ranking margin=1"), triplet("triplet_margin");
  std::vector<float> a{1, 2}, b{0, 5}, target{1, 1}, da(2), db(2), dn(2);
  const double value = loss.evaluate({view(a), view(b)}, view(target), {view(da), view(db)});
  EXPECT(value == 2 && da == (std::vector<float>{-0.5f, -0.5f}) && db == (std::vector<float>{0.5f, 0.5f}));
  EXPECT(loss.evaluate({view(a), view(b)}, view(target), {}) == 2);
  const View x = view(a, {1, 2}), y = view(b, {1, 2});
  EXPECT(triplet.evaluate({x, y, x}, {}, {view(da, {1, 2}), view(db, {1, 2}), view(dn, {1, 2})}) > 4);
  bool refused = false;
  try {
    triplet.evaluate(x, y);
  } catch (const Error &error) {
    refused = error.status() == CHAINRULE_INVALID_ARGUMENT && error.expected() == "3 predictions, 0 targets";
  }
  EXPECT(refused);
}

void training() {
  const Samples samples;
  Model model = line();
  Trainer trainer(model, "mse", "sgd lr=0.1");
  trainer.set_metrics("mae");
  trainer.set_seed(2);
  FitOptions options;
  options.epochs = 100;
  options.batch_size = 4;
  options.validation_x = {samples.inputs()};
  options.validation_y = {samples.targets()};
  int epochs = 0, batches = 0;
  options.on_epoch = [&](const chainrule_progress &) { return epochs++, CHAINRULE_CONTINUE; };
  options.on_batch = [&](const chainrule_progress &) { return batches++, CHAINRULE_CONTINUE; };
  const History history = trainer.fit(samples.inputs(), samples.targets(), options);
  EXPECT(epochs == 100 && batches == 200 && trainer.step_count() == 200);
  EXPECT(history.epochs() == 100 && history.best_epoch() < 100);
  EXPECT(history.names().front() == "loss");
  EXPECT(history.values("val_loss").back() < 1e-2);
  EXPECT(status_of([&] { history.values("nonsense"); }) == CHAINRULE_NOT_FOUND);
  const auto values = trainer.evaluate(samples.inputs(), samples.targets());
  EXPECT(values.size() == 2 && values[0] < 1e-2);
  EXPECT(trainer.step(samples.inputs(), samples.targets()) < 1e-2);
  trainer.set_checkpoint_segments(-1);
  EXPECT(trainer.memory(4).total > 0);
  EXPECT(trainer.memory(4).checkpointing_saves == 0);
  trainer.set_checkpoint_segments(0);
  trainer.set_lr(0.25);
  EXPECT(trainer.lr() == 0.25);
}

void checkpoints() {
  const std::string path = "wrapper-checkpoint.safetensors";
  const Samples samples;
  Model model = line();
  Trainer trainer(model, "mse", "adam");
  trainer.step(samples.inputs(), samples.targets());
  trainer.save(path);
  auto [model_again, trainer_again] = Trainer::load(path);
  std::remove(path.c_str());
  EXPECT(trainer_again.step_count() == 1);
  trainer.step(samples.inputs(), samples.targets());
  trainer_again.step(samples.inputs(), samples.targets());
  EXPECT(model.serialize() == model_again.serialize());
}

void exceptions_fly_out_of_callbacks() {
  const Samples samples;
  Model model = line();
  Trainer trainer(model, "mse", "sgd");
  FitOptions options;
  options.epochs = 5;
  options.on_epoch = [](const chainrule_progress &progress) -> std::int32_t {
    if (progress.epoch == 1) throw std::domain_error("from the callback");
    return CHAINRULE_CONTINUE;
  };
  History history;
  try {
    trainer.fit(samples.inputs(), samples.targets(), options, history);
    EXPECT(!"reached");
  } catch (const std::domain_error &error) {
    EXPECT(std::string(error.what()) == "from the callback");
  }
  EXPECT(history.epochs() >= 1);
  options.on_epoch = [](const chainrule_progress &) -> std::int32_t { return CHAINRULE_FAIL; };
  EXPECT(status_of([&] { trainer.fit(samples.inputs(), samples.targets(), options); }) == CHAINRULE_CALLBACK);
  trainer.cancel(); // nothing runs: nothing happens
  trainer.step(samples.inputs(), samples.targets());
}

} // namespace

int main() {
  const std::pair<const char *, void (*)()> tests[] = {
      {"library and catalog", library_and_catalog},
      {"views check their shape", views_check_their_shape},
      {"models", models},
      {"files", files},
      {"errors have all parts", errors_have_all_parts},
      {"graphs", graphs},
      {"lists have the right length", lists_have_the_right_length},
      {"own loop", own_loop},
      {"several predictions", several_predictions},
      {"training", training},
      {"checkpoints", checkpoints},
      {"exceptions fly out of callbacks", exceptions_fly_out_of_callbacks},
      {"kinds of one's own", kinds_of_ones_own},
      {"losses by themselves", losses_by_themselves},
      {"models as layers", models_as_layers},
  };
  int failed = 0;
  for (const auto &[name, test] : tests) {
    try {
      test();
      std::printf("ok C++ wrapper: %s\n", name);
    } catch (const std::exception &error) {
      std::printf("# %s\nnot ok C++ wrapper: %s\n", error.what(), name);
      failed++;
    }
  }
  return failed == 0 ? 0 : 1;
}
