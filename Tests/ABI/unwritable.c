/* Files that cannot be written: no room, no permission. The old file survives, and nothing is left beside it. */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "files.h"

/* Runs the body in a child and hands its failures on; a crash is a failure too. */
static void in_a_child(void (*body)(void)) {
  int state = 0;
  pid_t child;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    body();
    fflush(stdout);
    _exit(test_case_failures ? 1 : 0);
  }
  REQUIRE(child > 0 && waitpid(child, &state, 0) == child);
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) test_fail(__FILE__, __LINE__, "the child failed: state %d", state);
}

/* The old file survives a write that breaks off; nothing is left beside it. */
static void breaks_off(chainrule_status (*save)(void *, const char *), void *handle, const char *path) {
  chainrule_model *loaded = NULL;
  struct stat before, after;
  REQUIRE(stat(path, &before) == 0);
  CHECK_EQUAL(save(handle, path), CHAINRULE_IO);
  CHECK(strstr(chainrule_last_error()->message, path) != NULL);
  REQUIRE(stat(path, &after) == 0);
  CHECK(before.st_size == after.st_size && before.st_ino == after.st_ino);
  if (SUCCEEDS(chainrule_model_load(path, &loaded))) chainrule_model_free(loaded);
}

static chainrule_status save_model(void *model, const char *path) {
  return chainrule_model_save((chainrule_model *)model, path);
}
static chainrule_status save_trainer(void *trainer, const char *path) {
  return chainrule_trainer_save((chainrule_trainer *)trainer, path);
}

static void write_limit(void) {
  struct rlimit limit = {20000, 20000};
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu");
  chainrule_model *large = test_mlp(CHAINRULE_FLOAT32, 1, 100, 200, 2, "relu"); /* 80 KB */
  chainrule_trainer *trainer = NULL;
  REQUIRE_OK(chainrule_trainer_create(large, "mse", "adam", &trainer));
  REQUIRE_OK(chainrule_model_save(model, test_path("kept")));
  signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  breaks_off(save_model, large, test_path("kept"));
  breaks_off(save_trainer, trainer, test_path("kept"));
  CHECK_EQUAL(test_clear_folder(), 1);
}

static void file_too_large(void) { in_a_child(write_limit); }

static void tiny_disk(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu");
  chainrule_model *large = test_mlp(CHAINRULE_FLOAT32, 1, 100, 1000, 2, "relu"); /* 400 KB */
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("tmpfs", test_folder, "tmpfs", 0, "size=65536") != 0) {
    test_skip("no right to mount a small file system; the file-size limit stands for it");
    return;
  }
  REQUIRE_OK(chainrule_model_save(model, test_path("kept")));
  breaks_off(save_model, large, test_path("kept"));
  CHECK_EQUAL(test_clear_folder(), 1);
}

static void full_disk(void) { in_a_child(tiny_disk); }

static void locked_folder(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu"), *loaded;
  REQUIRE_OK(chainrule_model_save(model, test_path("kept")));
  REQUIRE(chmod(test_path("kept"), 0) == 0 && chmod(test_folder, 0555) == 0);
  if (geteuid() == 0) REQUIRE(seteuid(65534) == 0); /* root may do anything */
  test_poison(&loaded, sizeof loaded);
  FAILS(CHAINRULE_IO, chainrule_model_save(model, test_path("new")));
  FAILS(CHAINRULE_IO, chainrule_model_save(model, test_path("kept")));
  FAILS(CHAINRULE_IO, chainrule_model_load(test_path("kept"), &loaded));
  FAILS(CHAINRULE_IO, chainrule_model_load_parameters(model, test_path("kept"), 1));
  CHECK_UNTOUCHED(loaded);
}

static void no_permission(void) {
  in_a_child(locked_folder);
  chmod(test_folder, 0755);
  CHECK_EQUAL(test_clear_folder(), 1);
}

/* Saving over a link changes the file it points to, or the link; either way what was saved loads. */
static void over_a_link(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "relu"), *loaded = NULL;
  REQUIRE_OK(chainrule_model_save(model, test_path("target")));
  REQUIRE(symlink("target", test_path("link")) == 0);
  SUCCEEDS(chainrule_model_initialize(model, 99));
  REQUIRE_OK(chainrule_model_save(model, test_path("link")));
  REQUIRE_OK(chainrule_model_load(test_path("link"), &loaded));
  CHECK(test_parameter_hash(loaded) == test_parameter_hash(model));
  chainrule_model_free(loaded);
  chainrule_model_free(model);
  test_clear_folder();
}

int main(void) {
  TEST_MAIN("unwritable");
  if (!test_make_folder()) return 2;
  RUN(file_too_large);
  RUN(full_disk);
  RUN(no_permission);
  RUN(over_a_link);
  test_remove_folder();
  return test_finish();
}
