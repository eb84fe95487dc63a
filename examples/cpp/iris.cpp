/*
 * Three species of iris told apart by four lengths, through the C++ wrapper: handles free themselves,
 * failures throw. The first of every five flowers is held out.
 *
 *     iris [data folder]
 */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "../c/csv.h"
#include "chainrule.hpp"

using chainrule::view;

namespace {

constexpr int measurements = 4, classes = 3;
constexpr const char *species[classes] = {"setosa", "versicolor", "virginica"};

struct Flowers {
  std::vector<float> lengths;
  std::vector<std::int32_t> labels;
  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
};

/* Every column with mean 0 and standard deviation 1. */
void standardise(csv_table &table) {
  for (int column = 0; column < measurements; column++) {
    double mean = 0, square = 0;
    for (int row = 0; row < table.rows; row++) mean += csv_value(&table, row, column) / table.rows;
    for (int row = 0; row < table.rows; row++) square += std::pow(csv_value(&table, row, column) - mean, 2);
    const double deviation = std::sqrt(square / table.rows);
    for (int row = 0; row < table.rows; row++) {
      double &value = table.values[row * table.columns + column];
      value = (value - mean) / deviation;
    }
  }
}

Flowers select(const csv_table &table, bool held_out) {
  Flowers flowers;
  for (int row = 0; row < table.rows; row++) {
    if ((row % 5 == 0) != held_out) continue;
    for (int column = 0; column < measurements; column++)
      flowers.lengths.push_back(static_cast<float>(csv_value(&table, row, column)));
    flowers.labels.push_back(static_cast<std::int32_t>(csv_value(&table, row, measurements)));
  }
  return flowers;
}

int learn(const std::string &data) {
  csv_table table = csv_read((data + "/iris.csv").c_str());
  standardise(table);
  const Flowers train = select(table, false), test = select(table, true);
  std::free(table.values);

  chainrule::Model model(7); // the seed of the initial weights
  model.add("input", "shape=4");
  model.add("linear", "out_features=16");
  model.add("tanh");
  model.add("linear", "out_features=3");

  chainrule::Trainer trainer(model, "cross_entropy", "adam lr=0.01");
  trainer.set_metrics("accuracy");
  chainrule::FitOptions options;
  options.epochs = 60;
  options.batch_size = 16;
  options.on_epoch = [](const chainrule_progress &progress) -> std::int32_t {
    if ((progress.epoch + 1) % 10 == 0)
      std::printf("epoch %2d   loss %.4f\n", static_cast<int>(progress.epoch + 1), progress.loss);
    return CHAINRULE_CONTINUE;
  };
  trainer.fit(view(train.lengths, {train.count(), measurements}), view(train.labels), options);

  std::vector<float> scores(test.labels.size() * classes);
  model.predict(view(test.lengths, {test.count(), measurements}), view(scores, {test.count(), classes}));

  int right = 0, confusion[classes][classes] = {};
  for (std::size_t i = 0; i < test.labels.size(); i++) {
    const float *score = &scores[i * classes];
    const auto answer = std::max_element(score, score + classes) - score;
    confusion[test.labels[i]][answer]++;
    right += answer == test.labels[i];
  }
  std::printf("\n%d flowers held out      answered %-10s %-10s %-10s\n", static_cast<int>(test.count()), species[0],
              species[1], species[2]);
  for (int kind = 0; kind < classes; kind++)
    std::printf("%24s          %-10d %-10d %-10d\n", species[kind], confusion[kind][0], confusion[kind][1],
                confusion[kind][2]);

  const double share = 100.0 * right / static_cast<double>(test.count());
  const bool enough = share >= 90;
  std::printf("result: held-out flowers right | %.1f %% | at least 90 %% | %s\n", share,
              enough ? "learned" : "NOT LEARNED");
  return enough ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

int main(int argc, char **argv) {
  try {
    return learn(argc > 1 ? argv[1] : "examples/data");
  } catch (const std::exception &error) {
    std::fprintf(stderr, "iris: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
