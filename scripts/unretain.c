/* unretain <object file>: lets the linker leave out what nothing uses of the Swift standard library.

   In its object file every public function has a section of its own that is marked to be kept (SHF_GNU_RETAIN),
   which in a library that is linked into another means 0.7 MB of functions that nobody can call. This takes the
   mark off all sections but those that the runtime looks through for itself (swift5_*: conformances and types; others of
   these names are for debuggers alone). */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SHF_GNU_RETAIN
#define SHF_GNU_RETAIN (1 << 21)
#endif

/* What the runtime looks through. */
static int is_looked_through(const char *name) {
  static const char *const others[] = {"swift5_assocty", "swift5_builtin", "swift5_capture", "swift5_mpenum"};
  size_t i;
  for (i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(name, others[i]) == 0) return 0;
  return strncmp(name, "swift5_", 7) == 0;
}

static int fail(const char *path, const char *what) {
  fprintf(stderr, "unretain: %s: %s\n", path, what);
  return 1;
}

int main(int count, char **arguments) {
  if (count != 2) return fail("arguments", "expected one object file");
  const char *path = arguments[1];
  FILE *file = fopen(path, "r+b");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return fail(path, "cannot be opened for writing");
  size_t size = (size_t)ftell(file);
  char *bytes = malloc(size);
  rewind(file);
  if (bytes == NULL || fread(bytes, 1, size, file) != size) return fail(path, "cannot be read");

  const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
  if (size < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_type != ET_REL || header->e_shentsize != sizeof(Elf64_Shdr))
    return fail(path, "is no object file of 64 bits");
  size_t sections = header->e_shnum;
  if (sections == 0 || header->e_shoff > size || sections > (size - header->e_shoff) / sizeof(Elf64_Shdr) ||
      header->e_shstrndx >= sections)
    return fail(path, "has a table of sections that this cannot read");
  Elf64_Shdr *table = (Elf64_Shdr *)(bytes + header->e_shoff);
  const Elf64_Shdr *names = table + header->e_shstrndx;
  if (names->sh_offset > size || names->sh_size > size - names->sh_offset || names->sh_size == 0 ||
      bytes[names->sh_offset + names->sh_size - 1] != '\0')
    return fail(path, "has no names of sections");

  for (size_t i = 0; i < sections; i++) {
    if (table[i].sh_name >= names->sh_size) return fail(path, "has a section without a name");
    const char *name = bytes + names->sh_offset + table[i].sh_name;
    if (!is_looked_through(name)) table[i].sh_flags &= ~(Elf64_Xword)SHF_GNU_RETAIN;
  }
  rewind(file);
  if (fwrite(bytes, 1, size, file) != size || fclose(file) != 0) return fail(path, "cannot be written");
  free(bytes);
  return 0;
}
