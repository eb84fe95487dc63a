/*
 * Chainrule for C++17: handles that free themselves, failures that throw. Every function here calls
 * the one of the same name in chainrule.h, whose comments are the manual.
 *
 *     chainrule::Model model;
 *     model.add("input", "shape=4");
 *     model.add("linear", "out_features=3");
 *     chainrule::Trainer trainer(model, "cross_entropy", "adam lr=0.01");
 *     trainer.fit(chainrule::view(x, {150, 4}), chainrule::view(labels));
 *
 * Handles can be moved, not copied. One that was moved from holds NULL: using it throws Error.
 */
#ifndef CHAINRULE_HPP
#define CHAINRULE_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "chainrule.h"

namespace chainrule {

// ------------------------------------------------------------------------------- errors ----

/// A call failed. what() is the library's whole sentence. CHAINRULE_OUT_OF_MEMORY is std::bad_alloc.
class Error : public std::runtime_error {
 public:
  explicit Error(const chainrule_error &error)
      : std::runtime_error(error.message), status_(error.status), node_(error.node), expected_(error.expected),
        got_(error.got) {}
  chainrule_status status() const noexcept { return status_; }
  const std::string &node() const noexcept { return node_; }
  const std::string &expected() const noexcept { return expected_; }
  const std::string &got() const noexcept { return got_; }

 private:
  chainrule_status status_;
  std::string node_, expected_, got_;
};

/// Throws if the status is a failure.
inline void check(chainrule_status status) {
  if (status == CHAINRULE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != CHAINRULE_OK) throw Error(*chainrule_last_error());
}

// ------------------------------------------------------------------------------- arrays ----

template <class T> constexpr chainrule_dtype dtype_of() {
  using Element = std::remove_const_t<T>;
  static_assert(std::is_same_v<Element, float> || std::is_same_v<Element, double> ||
                    std::is_same_v<Element, std::int32_t> || std::is_same_v<Element, std::int64_t>,
                "arrays hold float, double, std::int32_t or std::int64_t");
  if constexpr (std::is_same_v<Element, float>) return CHAINRULE_FLOAT32;
  else if constexpr (std::is_same_v<Element, double>) return CHAINRULE_FLOAT64;
  else if constexpr (std::is_same_v<Element, std::int32_t>) return CHAINRULE_INT32;
  else return CHAINRULE_INT64;
}

using Shape = std::vector<std::int64_t>;

/// A view of memory that is only read; the memory must outlive the call it is handed to.
struct View : chainrule_array {
  explicit View(const chainrule_array &array) : chainrule_array(array) {}
};
/// A view of memory that results are written into.
struct MutableView : View {
  explicit MutableView(const chainrule_array &array) : View(array) {}
};

/// The view type of a `const T *` or a `T *`.
template <class T> using ViewOf = std::conditional_t<std::is_const_v<T>, View, MutableView>;

/// A contiguous array in C order: view(pointer, {rows, columns}); view(&number, {}) is a scalar.
template <class T> ViewOf<T> view(T *data, const Shape &shape) {
  if (shape.size() > CHAINRULE_MAX_RANK)
    throw Error({CHAINRULE_SHAPE, "chainrule::view: more than CHAINRULE_MAX_RANK dimensions", "", "", ""});
  chainrule_array array = chainrule_view(data, dtype_of<T>(), static_cast<std::int32_t>(shape.size()), 0, 0, 0, 0);
  for (std::size_t i = 0; i < shape.size(); i++) array.shape[i] = shape[i];
  return ViewOf<T>(array);
}

/// A vector's elements, as one dimension or in a shape. The shape must hold exactly all of them.
template <class T> ViewOf<T> view_of_vector(T *data, std::size_t size, const Shape &shape) {
  std::size_t left = size;
  bool fits = true, empty = false;
  for (std::int64_t extent : shape) {
    empty = empty || extent == 0;
    fits = fits && extent >= 0 && (extent == 0 || left % static_cast<std::size_t>(extent) == 0);
    if (fits && extent > 0) left /= static_cast<std::size_t>(extent);
  }
  if (!fits || (empty ? size != 0 : left != 1))
    throw Error({CHAINRULE_SHAPE, "chainrule::view: the shape does not hold the vector's elements", "", "", ""});
  return view(data, shape);
}
template <class T> View view(const std::vector<T> &values, const Shape &shape) {
  return view_of_vector(values.data(), values.size(), shape);
}
template <class T> MutableView view(std::vector<T> &values, const Shape &shape) {
  return view_of_vector(values.data(), values.size(), shape);
}
template <class T> View view(const std::vector<T> &values) {
  return view(values.data(), {static_cast<std::int64_t>(values.size())});
}
template <class T> MutableView view(std::vector<T> &values) {
  return view(values.data(), {static_cast<std::int64_t>(values.size())});
}

/// None, one (a view) or several ({view(a), view(b)}) arrays, for one call.
template <class V> class List {
 public:
  List() = default;
  List(const V &one) : arrays_(&one), size_(1) {}
  List(std::initializer_list<V> several)
      : copies_(several.begin(), several.end()), arrays_(copies_.data()), size_(copies_.size()) {}
  List(const std::vector<V> &several)
      : copies_(several.begin(), several.end()), arrays_(copies_.data()), size_(copies_.size()) {}
  List(const List &) = delete;
  List &operator=(const List &) = delete;
  /// The arrays, for a function that reads `count` of them; NULL for none, which the function judges.
  const chainrule_array *data(std::size_t count, const char *what) const {
    if (size_ == 0) return nullptr;
    if (size_ != count) {
      const std::string expected = std::to_string(count), got = std::to_string(size_);
      const std::string message = std::string(what) + ": expected " + expected + " arrays, got " + got;
      throw Error({CHAINRULE_INVALID_ARGUMENT, message.c_str(), "", expected.c_str(), got.c_str()});
    }
    return arrays_;
  }
  std::size_t size() const noexcept { return size_; }

 private:
  std::vector<chainrule_array> copies_;
  const chainrule_array *arrays_ = nullptr;
  std::size_t size_ = 0;
};
using Views = List<View>;
using MutableViews = List<MutableView>;

inline MutableView from_dlpack(const DLManagedTensor *tensor) {
  chainrule_array array;
  check(chainrule_array_from_dlpack(tensor, &array));
  return MutableView(array);
}
inline DLManagedTensor *to_dlpack(const View &array) {
  DLManagedTensor *tensor = nullptr;
  check(chainrule_array_to_dlpack(&array, &tensor));
  return tensor;
}

// -------------------------------------------------------------------------- the library ----

/// Collects the text of a C function that fills (buffer, capacity, length).
template <class Call> std::string text_of(Call call) {
  std::size_t length = 0;
  check(call(nullptr, 0, &length));
  std::string text(length, '\0');
  check(call(text.data(), length + 1, &length));
  return text;
}

inline std::string version() { return chainrule_version(); }
inline std::string cpu_level() { return chainrule_cpu_level(); }
inline void set_num_threads(std::int32_t count) { check(chainrule_set_num_threads(count)); }
inline std::int32_t num_threads() { return chainrule_get_num_threads(); }

inline std::vector<std::string> catalog(chainrule_group group) {
  std::vector<std::string> kinds;
  while (const char *kind = chainrule_catalog_kind(group, kinds.size())) kinds.emplace_back(kind);
  return kinds;
}
inline chainrule_entry_info catalog_entry(chainrule_group group, const std::string &kind) {
  chainrule_entry_info info = {};
  info.struct_size = sizeof info;
  check(chainrule_catalog_entry(group, kind.c_str(), &info));
  return info;
}
inline chainrule_attribute_info catalog_attribute(chainrule_group group, const std::string &kind, std::size_t index) {
  chainrule_attribute_info info = {};
  info.struct_size = sizeof info;
  check(chainrule_catalog_attribute(group, kind.c_str(), index, &info));
  return info;
}
/// A layer's parameter: its name, and its shape in words.
inline std::pair<std::string, std::string> catalog_parameter(const std::string &kind, std::size_t index) {
  const char *name = nullptr, *shape = nullptr;
  check(chainrule_catalog_parameter(kind.c_str(), index, &name, &shape));
  return {name, shape};
}
inline std::string describe(chainrule_group group, const std::string &kind) {
  return text_of([&](char *buffer, std::size_t capacity, std::size_t *length) {
    return chainrule_catalog_describe(group, kind.c_str(), buffer, capacity, length);
  });
}

// ------------------------------------------------------------------------------- models ----

template <class T, void (*Free)(T *)> struct Freeing {
  void operator()(T *handle) const noexcept { Free(handle); }
};
/// Owns a handle of the C interface; get() lends it.
template <class T, void (*Free)(T *)> class Handle {
 public:
  explicit Handle(T *handle) noexcept : handle_(handle) {}
  T *get() const noexcept { return handle_.get(); }

 private:
  std::unique_ptr<T, Freeing<T, Free>> handle_;
};

/// The result of a create function: made([&](T **handle) { return chainrule_..._create(..., handle); }).
template <class T, class Create> T *made(Create create) {
  T *handle = nullptr;
  check(create(&handle));
  return handle;
}

using Node = chainrule_node;

/// What a parameter, input or output is. Shapes hold -1 for the batch.
struct TensorInfo {
  std::string name;
  chainrule_dtype dtype;
  Shape shape;
  bool trainable;
};

class Model : public Handle<chainrule_model, chainrule_model_free> {
 public:
  explicit Model(std::uint64_t seed = 0, chainrule_dtype dtype = CHAINRULE_FLOAT32)
      : Handle(made<chainrule_model>([&](chainrule_model **handle) {
          const chainrule_model_options options = {sizeof options, dtype, seed};
          return chainrule_model_create(&options, handle);
        })) {}
  /// Takes over a handle of the C interface.
  static Model adopt(chainrule_model *handle) { return Model(handle, nullptr); }

  Node add(const std::string &kind, const std::string &attributes = "") {
    Node node = 0;
    check(chainrule_model_add(get(), kind.c_str(), attributes.c_str(), &node));
    return node;
  }
  Node add(const std::string &kind, const std::string &attributes, const std::vector<Node> &inputs) {
    Node node = 0;
    check(chainrule_model_add_node(get(), kind.c_str(), attributes.c_str(), inputs.data(), inputs.size(), &node));
    return node;
  }
  /// Another model as a layer; returns a node for each of its outputs. Without a name it gets a number.
  std::vector<Node> add(const Model &other, const std::vector<Node> &inputs, const std::string &name = "") {
    std::vector<Node> outputs(other.output_count());
    check(chainrule_model_add_model(get(), other.get(), name.empty() ? nullptr : name.c_str(), inputs.data(), inputs.size(),
                                    outputs.data()));
    return outputs;
  }
  void set_outputs(const std::vector<Node> &nodes) {
    check(chainrule_model_set_outputs(get(), nodes.data(), nodes.size()));
  }

  /// "float32" or "bfloat16": the numbers in which matrices are multiplied.
  void set_compute(const std::string &compute) { check(chainrule_model_set_compute(get(), compute.c_str())); }
  std::string compute() const {
    const char *word = nullptr;
    check(chainrule_model_get_compute(get(), &word));
    return word;
  }

  std::size_t input_count() const { return count(chainrule_model_input_count); }
  std::size_t output_count() const { return count(chainrule_model_output_count); }
  std::size_t parameter_count() const { return count(chainrule_model_parameter_count); }
  TensorInfo input_info(std::size_t index) const { return info(chainrule_model_input_info, index); }
  TensorInfo output_info(std::size_t index) const { return info(chainrule_model_output_info, index); }
  TensorInfo parameter_info(std::size_t index) const { return info(chainrule_model_parameter_info, index); }

  void get_parameter(const std::string &name, const MutableView &values) const {
    check(chainrule_model_get_parameter(get(), name.c_str(), &values));
  }
  void set_parameter(const std::string &name, const View &values) {
    check(chainrule_model_set_parameter(get(), name.c_str(), &values));
  }
  /// The largest error against differences; throws where it is above tolerance (0: 1e-6).
  double check_gradients(const Views &inputs, double tolerance = 0) {
    double worst = 0;
    check(chainrule_check_gradients(get(), inputs.data(input_count(), "chainrule::Model::check_gradients, inputs"), tolerance,
                                    &worst));
    return worst;
  }
  void initialize(std::uint64_t seed) { check(chainrule_model_initialize(get(), seed)); }

  std::string summary() const {
    return text_of([this](char *buffer, std::size_t capacity, std::size_t *length) {
      return chainrule_model_summary(get(), buffer, capacity, length);
    });
  }
  void predict(const Views &inputs, const MutableViews &outputs) const {
    check(chainrule_model_predict(get(), inputs.data(input_count(), "chainrule::Model::predict, inputs"),
                                  outputs.data(output_count(), "chainrule::Model::predict, outputs")));
  }

  void save(const std::string &path) const { check(chainrule_model_save(get(), path.c_str())); }
  static Model load(const std::string &path) {
    return adopt(made<chainrule_model>(
        [&](chainrule_model **handle) { return chainrule_model_load(path.c_str(), handle); }));
  }
  void load_parameters(const std::string &path, bool strict = true) {
    check(chainrule_model_load_parameters(get(), path.c_str(), strict ? 1 : 0));
  }
  std::vector<unsigned char> serialize() const {
    std::size_t length = 0;
    check(chainrule_model_serialize(get(), nullptr, 0, &length));
    std::vector<unsigned char> bytes(length);
    check(chainrule_model_serialize(get(), bytes.data(), bytes.size(), &length));
    return bytes;
  }
  static Model deserialize(const std::vector<unsigned char> &bytes) {
    return adopt(made<chainrule_model>([&](chainrule_model **handle) {
      return chainrule_model_deserialize(bytes.data(), bytes.size(), handle);
    }));
  }

 private:
  Model(chainrule_model *handle, std::nullptr_t) noexcept : Handle(handle) {}
  std::size_t count(chainrule_status (*function)(const chainrule_model *, std::size_t *)) const {
    std::size_t result = 0;
    check(function(get(), &result));
    return result;
  }
  TensorInfo info(chainrule_status (*function)(const chainrule_model *, std::size_t, chainrule_tensor_info *),
                  std::size_t index) const {
    chainrule_tensor_info raw = {};
    raw.struct_size = sizeof raw;
    check(function(get(), index, &raw));
    return {raw.name, raw.dtype, Shape(raw.shape, raw.shape + raw.rank), raw.trainable != 0};
  }
};

// -------------------------------------------------------------- writing the loop yourself ----

class Context : public Handle<chainrule_context, chainrule_context_free> {
 public:
  explicit Context(Model &model)
      : Handle(made<chainrule_context>(
            [&](chainrule_context **handle) { return chainrule_context_create(model.get(), handle); })),
        inputs_(model.input_count()), outputs_(model.output_count()) {}
  void forward(const Views &inputs = {}, bool training = false) {
    check(chainrule_context_forward(get(), inputs.data(inputs_, "chainrule::Context::forward, inputs"), training ? 1 : 0));
  }
  void output(const MutableView &values, std::size_t index = 0) const {
    check(chainrule_context_output(get(), index, &values));
  }
  void backward(const Views &output_gradients = {}) {
    check(chainrule_context_backward(
        get(), output_gradients.data(outputs_, "chainrule::Context::backward, output_gradients")));
  }
  void input_gradient(const MutableView &values, std::size_t index = 0) const {
    check(chainrule_context_input_gradient(get(), index, &values));
  }
  void gradient(const std::string &name, const MutableView &values) const {
    check(chainrule_context_gradient(get(), name.c_str(), &values));
  }
  void zero_gradients() { check(chainrule_context_zero_gradients(get())); }

 private:
  std::size_t inputs_, outputs_;
};

/// The address of an optional array, or NULL.
template <class V> const chainrule_array *address(const std::optional<V> &array) {
  return array ? &*array : nullptr;
}

class Loss : public Handle<chainrule_loss, chainrule_loss_free> {
 public:
  explicit Loss(const std::string &text)
      : Handle(made<chainrule_loss>(
            [&](chainrule_loss **handle) { return chainrule_loss_create(text.c_str(), handle); })) {}
  double evaluate(const View &prediction, const View &target, const std::optional<MutableView> &gradient = {},
                  const std::optional<View> &sample_weight = {}) const {
    require(1, 1, 1);
    double value = 0;
    check(chainrule_loss_evaluate(get(), &prediction, &target, address(sample_weight), &value, address(gradient)));
    return value;
  }
  /// For losses of several predictions or targets; without gradients, or as many as predictions.
  double evaluate(const Views &predictions, const Views &targets, const MutableViews &gradients,
                  const std::optional<View> &sample_weight = {}) const {
    require(predictions.size(), targets.size(), gradients.size() ? gradients.size() : predictions.size());
    double value = 0;
    const char *const what = "chainrule::Loss::evaluate";
    check(chainrule_loss_evaluate(get(), predictions.data(predictions.size(), what), targets.data(targets.size(), what),
                                  address(sample_weight), &value, gradients.data(gradients.size(), what)));
    return value;
  }

  /// Each loss by itself, whatever the reduction, into an array of the shape that values_shape tells.
  void values(const View &prediction, const View &target, const MutableView &values,
              const std::optional<MutableView> &gradient = {}, const std::optional<View> &sample_weight = {}) const {
    require(1, 1, 1);
    chainrule_array place = values;
    check(chainrule_loss_values(get(), &prediction, &target, address(sample_weight), &place, address(gradient)));
  }
  Shape values_shape(const View &prediction, const View &target) const {
    require(1, 1, 1);
    chainrule_array values = {};
    check(chainrule_loss_values(get(), &prediction, &target, nullptr, &values, nullptr));
    return Shape(values.shape, values.shape + values.rank);
  }
  double check_gradients(const View &prediction, const View &target, double tolerance = 0) const {
    require(1, 1, 1);
    double worst = 0;
    check(chainrule_check_loss_gradients(get(), &prediction, &target, tolerance, &worst));
    return worst;
  }

 private:
  void require(std::size_t predictions, std::size_t targets, std::size_t gradients) const {
    std::size_t needed_predictions = 0, needed_targets = 0;
    check(chainrule_loss_counts(get(), &needed_predictions, &needed_targets));
    if (predictions == needed_predictions && targets == needed_targets && gradients == needed_predictions) return;
    const std::string expected = std::to_string(needed_predictions) + " predictions, " + std::to_string(needed_targets) + " targets";
    const std::string got = std::to_string(predictions) + " and " + std::to_string(targets);
    const std::string message = "chainrule::Loss::evaluate: expected " + expected + ", got " + got;
    throw Error({CHAINRULE_INVALID_ARGUMENT, message.c_str(), "", expected.c_str(), got.c_str()});
  }
};

class Optimizer : public Handle<chainrule_optimizer, chainrule_optimizer_free> {
 public:
  explicit Optimizer(const std::string &text)
      : Handle(made<chainrule_optimizer>(
            [&](chainrule_optimizer **handle) { return chainrule_optimizer_create(text.c_str(), handle); })) {}
  void step(Context &context) { check(chainrule_optimizer_step(get(), context.get())); }
  double lr() const {
    double value = 0;
    check(chainrule_optimizer_get_lr(get(), &value));
    return value;
  }
  void set_lr(double lr) { check(chainrule_optimizer_set_lr(get(), lr)); }
};

inline void confusion_matrix(const View &prediction, const View &target, const MutableView &matrix,
                             const std::optional<View> &sample_weight = {}) {
  check(chainrule_confusion_matrix(&prediction, &target, address(sample_weight), &matrix));
}

// ------------------------------------------------------------------------ kinds of one's own ----

// The functions of a definition are called from C: what they throw must not leave them.
inline void register_layer(const std::string &kind, const chainrule_layer_definition &definition) {
  check(chainrule_register_layer(kind.c_str(), &definition));
}
inline void register_loss(const std::string &kind, const chainrule_loss_definition &definition) {
  check(chainrule_register_loss(kind.c_str(), &definition));
}
inline void register_metric(const std::string &kind, const chainrule_metric_definition &definition) {
  check(chainrule_register_metric(kind.c_str(), &definition));
}
inline void register_schedule(const std::string &kind, const chainrule_schedule_definition &definition) {
  check(chainrule_register_schedule(kind.c_str(), &definition));
}
inline void register_optimizer(const std::string &kind, const chainrule_optimizer_definition &definition) {
  check(chainrule_register_optimizer(kind.c_str(), &definition));
}

// ----------------------------------------------------------------------------- training ----

/// What fit recorded: one number for each epoch and series.
class History : public Handle<chainrule_history, chainrule_history_free> {
 public:
  explicit History(chainrule_history *handle = nullptr) noexcept : Handle(handle) {}
  std::size_t epochs() const { return number(chainrule_history_epochs); }
  std::size_t best_epoch() const { return number(chainrule_history_best_epoch); }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    while (const char *name = chainrule_history_name(get(), result.size())) result.emplace_back(name);
    return result;
  }
  std::vector<double> values(const std::string &name) const {
    std::size_t count = 0;
    check(chainrule_history_values(get(), name.c_str(), nullptr, 0, &count));
    std::vector<double> result(count);
    check(chainrule_history_values(get(), name.c_str(), result.data(), result.size(), &count));
    return result;
  }

 private:
  std::size_t number(chainrule_status (*function)(const chainrule_history *, std::size_t *)) const {
    std::size_t result = 0;
    check(function(get(), &result));
    return result;
  }
};

/// Answers CHAINRULE_CONTINUE, _STOP or _FAIL. What it throws comes out of fit.
using Callback = std::function<std::int32_t(const chainrule_progress &)>;

/// The fields of chainrule_fit_options, in C++ types.
struct FitOptions {
  std::int64_t epochs = 0, batch_size = 0; // 0: the library's default
  std::int32_t shuffle = CHAINRULE_SHUFFLE_DEFAULT;
  bool drop_last = false;
  std::optional<View> sample_weight;
  double validation_split = 0;
  std::vector<View> validation_x, validation_y;
  std::string monitor;
  std::int64_t patience = 0;
  double min_delta = 0;
  bool restore_best = false, resume = false;
  Callback on_batch, on_epoch;
};

class Trainer : public Handle<chainrule_trainer, chainrule_trainer_free> {
 public:
  Trainer(Model &model, const std::string &loss, const std::string &optimizer)
      : Handle(made<chainrule_trainer>([&](chainrule_trainer **handle) {
          return chainrule_trainer_create(model.get(), loss.c_str(), optimizer.c_str(), handle);
        })),
        inputs_(model.input_count()), targets_(target_count()) {}
  /// Takes over a handle of the C interface, made for this model.
  static Trainer adopt(chainrule_trainer *handle, const Model &model) { return Trainer(handle, model); }

  void set_metrics(const std::string &metrics) { check(chainrule_trainer_set_metrics(get(), metrics.c_str())); }
  void set_seed(std::uint64_t seed) { check(chainrule_trainer_set_seed(get(), seed)); }
  /// Activation checkpointing: 0 keeps everything, -1 takes the best number; memory() tells what it saves.
  void set_checkpoint_segments(std::int64_t segments) {
    check(chainrule_trainer_set_checkpoint_segments(get(), segments));
  }
  void set_lr(double lr) { check(chainrule_trainer_set_lr(get(), lr)); }
  void set_schedule(const std::string &schedule) { check(chainrule_trainer_set_schedule(get(), schedule.c_str())); }
  void end_epoch(double monitored) { check(chainrule_trainer_end_epoch(get(), monitored)); }
  void use_average(bool average) { check(chainrule_trainer_use_average(get(), average ? 1 : 0)); }
  double lr() const {
    double value = 0;
    check(chainrule_trainer_get_lr(get(), &value));
    return value;
  }
  std::int64_t step_count() const {
    std::int64_t count = 0;
    check(chainrule_trainer_step_count(get(), &count));
    return count;
  }

  /// One update; returns the loss before it.
  double step(const Views &x = {}, const Views &y = {}, const std::optional<View> &sample_weight = {}) {
    double loss = 0;
    check(chainrule_trainer_step(get(), x.data(inputs_, "chainrule::Trainer::step, x"),
                                 y.data(targets_, "chainrule::Trainer::step, y"), address(sample_weight), &loss));
    return loss;
  }

  History fit(const Views &x, const Views &y = {}, const FitOptions &options = {}) {
    History history;
    fit(x, y, options, history);
    return history;
  }
  /// The same; history also holds what was recorded before a failure.
  void fit(const Views &x, const Views &y, const FitOptions &options, History &history) {
    Callbacks callbacks = {&options, nullptr};
    const Views validation_x(options.validation_x), validation_y(options.validation_y);
    chainrule_fit_options raw = {};
    raw.struct_size = sizeof raw;
    raw.epochs = options.epochs;
    raw.batch_size = options.batch_size;
    raw.shuffle = options.shuffle;
    raw.drop_last = options.drop_last;
    raw.sample_weight = address(options.sample_weight);
    raw.validation_split = options.validation_split;
    raw.validation_x = validation_x.data(inputs_, "chainrule::Trainer::fit, validation_x");
    raw.validation_y = validation_y.data(targets_, "chainrule::Trainer::fit, validation_y");
    raw.monitor = options.monitor.empty() ? nullptr : options.monitor.c_str();
    raw.patience = options.patience;
    raw.min_delta = options.min_delta;
    raw.restore_best = options.restore_best;
    raw.resume = options.resume;
    raw.on_batch = options.on_batch ? &call<&FitOptions::on_batch> : nullptr;
    raw.on_epoch = options.on_epoch ? &call<&FitOptions::on_epoch> : nullptr;
    raw.user = &callbacks;

    chainrule_history *recorded = nullptr;
    const chainrule_status status =
        chainrule_trainer_fit(get(), x.data(inputs_, "chainrule::Trainer::fit, x"),
                              y.data(targets_, "chainrule::Trainer::fit, y"), &raw, &recorded);
    if (recorded) history = History(recorded);
    if (callbacks.thrown) std::rethrow_exception(callbacks.thrown);
    check(status);
  }

  /// The loss, then the metrics in their order.
  std::vector<double> evaluate(const Views &x, const Views &y = {}, const std::optional<View> &sample_weight = {}) {
    std::vector<double> values(64);
    std::size_t count = 0;
    check(chainrule_trainer_evaluate(get(), x.data(inputs_, "chainrule::Trainer::evaluate, x"),
                                     y.data(targets_, "chainrule::Trainer::evaluate, y"), address(sample_weight),
                                     values.data(), values.size(), &count));
    values.resize(count < values.size() ? count : values.size());
    return values;
  }

  void cancel() noexcept { chainrule_trainer_cancel(get()); }

  chainrule_memory memory(std::int64_t batch_size) {
    chainrule_memory bytes = {};
    bytes.struct_size = sizeof bytes;
    check(chainrule_trainer_memory(get(), batch_size, &bytes));
    return bytes;
  }

  void save(const std::string &path) const { check(chainrule_trainer_save(get(), path.c_str())); }
  static std::pair<Model, Trainer> load(const std::string &path) {
    chainrule_model *model = nullptr;
    chainrule_trainer *trainer = nullptr;
    check(chainrule_trainer_load(path.c_str(), &model, &trainer));
    Model own = Model::adopt(model);
    Trainer made = adopt(trainer, own);
    return {std::move(own), std::move(made)};
  }

 private:
  Trainer(chainrule_trainer *handle, const Model &model)
      : Handle(handle), inputs_(model.input_count()), targets_(target_count()) {}
  std::size_t target_count() const {
    std::size_t count = 0;
    check(chainrule_trainer_target_count(get(), &count));
    return count;
  }
  std::size_t inputs_, targets_;

  struct Callbacks {
    const FitOptions *options;
    std::exception_ptr thrown;
  };
  /// An exception must not fly through C: it is kept, and fit throws it after the call.
  template <Callback FitOptions::*Member>
  static std::int32_t call(void *user, const chainrule_progress *progress) noexcept {
    Callbacks *callbacks = static_cast<Callbacks *>(user);
    try {
      return (callbacks->options->*Member)(*progress);
    } catch (...) {
      callbacks->thrown = std::current_exception();
      return CHAINRULE_FAIL;
    }
  }
};

} // namespace chainrule

#endif // CHAINRULE_HPP
