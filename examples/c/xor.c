/*
 * The smallest problem that needs a hidden layer: exclusive or. No straight line separates the ones
 * from the zeros; eight hidden neurons bend it.
 *
 *     xor [folder for the picture]
 */
#include "example.h"

#define GRID 101

/* What the network answers between the four points, as a map. */
static void draw(const char *path, const chainrule_model *model) {
  static float points[GRID * GRID][2], logits[GRID * GRID];
  chainrule_array x = chainrule_matrix(points[0], GRID * GRID, 2), scores = chainrule_matrix(logits, GRID * GRID, 1);
  int i;
  FILE *plot = picture_open(path, "What the network learned from four points: exclusive or");
  if (!plot) return;
  for (i = 0; i < GRID * GRID; i++) {
    points[i][0] = -0.25f + 1.5f * (float)(i % GRID) / (GRID - 1);
    points[i][1] = -0.25f + 1.5f * (float)(i / GRID) / (GRID - 1);
  }
  MUST(chainrule_model_predict(model, &x, &scores));
  fprintf(plot, "set size square\nset xlabel 'a'\nset ylabel 'b'\nset cblabel 'probability that a xor b is 1'\n"
                "set palette defined (0 '#3b6fb6', 0.5 '#f7f7f7', 1 '#d1495b')\nset cbrange [0:1]\n"
                "set xrange [-0.25:1.25]\nset yrange [-0.25:1.25]\nset xtics 0.25\nset ytics 0.25\nset bmargin 6\n"
                "set key at screen 0.47,0.04 center horizontal\n$map << END\n");
  for (i = 0; i < GRID * GRID; i++) fprintf(plot, "%g %g %g\n", points[i][0], points[i][1], logits[i]);
  fprintf(plot, "END\n$zeros << END\n0 0\n1 1\nEND\n$ones << END\n0 1\n1 0\nEND\n"
                "plot $map using 1:2:(1/(1+exp(-$3))) with image notitle, "
                "$zeros with points pt 7 ps 2.5 lc rgb '#1d3f72' title 'a xor b is 0', "
                "$ones with points pt 7 ps 2.5 lc rgb '#8c1c2e' title 'a xor b is 1'\n");
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const float inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4][1] = {{0}, {1}, {1}, {0}};
  float logits[4][1];
  chainrule_array x = chainrule_matrix(inputs[0], 4, 2), y = chainrule_matrix(targets[0], 4, 1);
  chainrule_array scores = chainrule_matrix(logits[0], 4, 1);
  chainrule_model_options options = {sizeof options, CHAINRULE_FLOAT32, 1};
  chainrule_model *model;
  chainrule_trainer *trainer;
  char picture[1024];
  double loss = 0;
  int step, i, right = 0;

  MUST(chainrule_model_create(&options, &model));
  MUST(chainrule_model_add(model, "input", "shape=2", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=8", NULL));
  MUST(chainrule_model_add(model, "tanh", "", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=1", NULL));
  MUST(chainrule_trainer_create(model, "bce_with_logits", "adam lr=0.05", &trainer));

  for (step = 1; step <= 500; step++) {
    MUST(chainrule_trainer_step(trainer, &x, &y, NULL, &loss));
    if (step == 1 || step % 100 == 0) printf("step %3d   loss %.5f\n", step, loss);
  }

  MUST(chainrule_model_predict(model, &x, &scores));
  printf("a  b  a xor b  the network\n");
  for (i = 0; i < 4; i++) {
    int answer = logits[i][0] > 0; /* a logit above 0 is a probability above one half */
    right += answer == (int)targets[i][0];
    printf("%g  %g     %g     %d (logit %+.2f)\n", inputs[i][0], inputs[i][1], targets[i][0], answer, logits[i][0]);
  }

  snprintf(picture, sizeof picture, "%s/xor.png", argc > 1 ? argv[1] : "build/demo");
  draw(picture, model);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return learned(right == 4 && loss < 0.05, "answers right", "4 of 4", "%d of 4", right);
}
