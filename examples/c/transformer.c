/*
 * A small transformer reads Alice's Adventures in Wonderland letter by letter (spaces and marks among them) and,
 * epoch after epoch, writes what it holds for the same. It is measured on the last tenth of the book, which it
 * never saw, against what pairs of letters tell: a table of how often each letter follows each other one.
 *
 *     transformer [data folder] [folder for the picture]
 */
#include <math.h>
#include <string.h>

#include "book.h"
#include "example.h"

#define EPOCHS 7
enum { LENGTH = 64, SIZE = 64, BATCH = 32 }; /* letters it sees at once; numbers for each */

/* From letters [batch, time] to scores of the next one, [batch, letters, time]: what cross_entropy takes. */
static chainrule_model *build_network(int letters) {
  /* is_causal: a letter attends to itself and to those before it. */
  const char *layer = "d_model=64 nhead=4 dim_feedforward=256 activation=gelu norm_first=true is_causal=true";
  char attributes[64];
  chainrule_model *model;
  MUST(chainrule_model_create(NULL, &model));
  MUST(chainrule_model_add(model, "input", "shape=64 dtype=integer", NULL));
  snprintf(attributes, sizeof attributes, "num_embeddings=%d embedding_dim=%d", letters, SIZE);
  MUST(chainrule_model_add(model, "embedding", attributes, NULL));
  MUST(chainrule_model_add(model, "sinusoidal_positions", "", NULL));
  MUST(chainrule_model_add(model, "transformer_encoder_layer", layer, NULL));
  MUST(chainrule_model_add(model, "transformer_encoder_layer", layer, NULL));
  MUST(chainrule_model_add(model, "layer_norm", "normalized_shape=64", NULL));
  snprintf(attributes, sizeof attributes, "out_features=%d", letters);
  MUST(chainrule_model_add(model, "linear", attributes, NULL));
  MUST(chainrule_model_add(model, "transpose", "dim0=1 dim1=2", NULL));
  return model;
}

/* From 0 to 1, evenly: the generator "splitmix64" (Steele, Lea and Flood 2014). */
static double draw_number(void) {
  static uint64_t state = 0;
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Goes on from start, each letter drawn by the model's probabilities; a low temperature makes it careful. */
static void write_text(const chainrule_model *model, const book *book, const char *start, int count, double temperature) {
  static float scores[256 * LENGTH];
  int32_t seen[LENGTH] = {0}; /* what stands behind the text doesn't matter: the network is causal */
  chainrule_array x = chainrule_view(seen, CHAINRULE_INT32, 2, 1, LENGTH, 0, 0);
  chainrule_array y = chainrule_view(scores, CHAINRULE_FLOAT32, 3, 1, book->letters, LENGTH, 0);
  int filled = 0, letter;
  printf("    ");
  while (count-- > 0) {
    if (*start) letter = book->place[(unsigned char)*start++];
    else {
      double sum = 0, left;
      MUST(chainrule_model_predict(model, &x, &y));
      for (letter = 0; letter < book->letters; letter++) sum += exp(scores[letter * LENGTH + filled - 1] / temperature);
      left = sum * draw_number();
      for (letter = 0; letter + 1 < book->letters; letter++)
        if ((left -= exp(scores[letter * LENGTH + filled - 1] / temperature)) < 0) break;
    }
    if (filled == LENGTH) memmove(seen, seen + 1, sizeof(int32_t) * --filled);
    seen[filled++] = letter;
    putchar(book->alphabet[letter]);
    if (book->alphabet[letter] == '\n') printf("    ");
  }
  printf("\n");
}

/* What the callback sees. */
typedef struct writer {
  const chainrule_model *model;
  const book *book;
} writer;

static int32_t show_epoch(void *user, const chainrule_progress *progress) {
  const writer *writer = user;
  printf("epoch %d   loss %.3f   held out %.3f   it writes:\n", (int)progress->epoch + 1, progress->values[0], progress->values[1]);
  write_text(writer->model, writer->book, "Alice ", 126, 0.7);
  return CHAINRULE_CONTINUE;
}

static void draw(const char *path, const chainrule_history *history, double pairs) {
  double train[EPOCHS], held_out[EPOCHS];
  int i;
  FILE *plot = picture_open(path, "How well the next letter of Alice in Wonderland is foreseen");
  if (!plot) return;
  MUST(chainrule_history_values(history, "loss", train, EPOCHS, NULL));
  MUST(chainrule_history_values(history, "val_loss", held_out, EPOCHS, NULL));
  fprintf(plot, "set xlabel 'epoch'\nset ylabel 'cross-entropy (nats a letter)'\nset xrange [0.5:%d.5]\n$losses << END\n", EPOCHS);
  for (i = 0; i < EPOCHS; i++) fprintf(plot, "%d %g %g\n", i + 1, train[i], held_out[i]);
  fprintf(plot, "END\nplot %g with lines dt 2 lc rgb '#777777' title 'pairs of letters, the part held out', "
                "$losses using 1:2 with linespoints pt 7 lw 2 lc rgb '#3b6fb6' title 'transformer, the part it learns from', "
                "$losses using 1:3 with linespoints pt 7 lw 2 lc rgb 'red' title 'transformer, the part held out'\n", pairs);
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "examples/data", *output = argc > 2 ? argv[2] : "build/demo";
  char path[1024], summary[4096], schedule[64];
  chainrule_trainer *trainer;
  chainrule_history *history;
  double losses[1];

  snprintf(path, sizeof path, "%s/alice.txt", data);
  book alice = book_read(path);
  int learns = (int)(alice.count * 9LL / 10);
  windows train = windows_make(alice.text, learns, LENGTH, LENGTH / 2);
  windows test = windows_make(alice.text + learns, alice.count - learns, LENGTH, LENGTH);
  double pairs = book_pairs_loss(&alice, learns);
  printf("%d letters, %d different ones; pairs of letters: %.3f nats a letter\n", alice.count, alice.letters, pairs);
  chainrule_model *model = build_network(alice.letters);
  MUST(chainrule_model_summary(model, summary, sizeof summary, NULL));
  printf("%s\n", summary);

  chainrule_array x = chainrule_view(train.now, CHAINRULE_INT32, 2, train.count, LENGTH, 0, 0);
  chainrule_array y = chainrule_view(train.next, CHAINRULE_INT32, 2, train.count, LENGTH, 0, 0);
  chainrule_array x_test = chainrule_view(test.now, CHAINRULE_INT32, 2, test.count, LENGTH, 0, 0);
  chainrule_array y_test = chainrule_view(test.next, CHAINRULE_INT32, 2, test.count, LENGTH, 0, 0);
  writer show = {model, &alice};
  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = EPOCHS;
  options.batch_size = BATCH;
  options.validation_x = &x_test;
  options.validation_y = &y_test;
  options.on_epoch = show_epoch;
  options.user = &show;
  snprintf(schedule, sizeof schedule, "cosine T_max=%d per=step warmup=50", EPOCHS * ((train.count + BATCH - 1) / BATCH));
  MUST(chainrule_trainer_create(model, "cross_entropy", "adamw lr=0.004 weight_decay=0.1", &trainer));
  MUST(chainrule_trainer_set_schedule(trainer, schedule));
  MUST(chainrule_trainer_fit(trainer, &x, &y, &options, &history));
  MUST(chainrule_trainer_evaluate(trainer, &x_test, &y_test, NULL, losses, 1, NULL));
  printf("at the end, more carefully:\n");
  write_text(model, &alice, "`Who are you?' said", 500, 0.6);

  snprintf(path, sizeof path, "%s/transformer.png", output);
  draw(path, history, pairs);
  chainrule_history_free(history);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  free(alice.text), free(train.now), free(train.next), free(test.now), free(test.next);
  return learned(losses[0] < pairs - 0.5, "nats a letter of a book's last tenth, against pairs of letters", "at least 0.5 less",
                 "%.2f to %.2f", losses[0], pairs);
}
