/* Templates and members of the C++ library that the Swift runtime uses: instances of std::string, and how hash tables
   grow. See scripts/cxx_parts.c; the linker keeps what is used. */
#include <string>
#include <unordered_map>

template class std::basic_string<char>;

/* An odd number of buckets, at least twice as many as are needed. */
std::pair<bool, std::size_t> std::__detail::_Prime_rehash_policy::_M_need_rehash(
    std::size_t buckets, std::size_t elements, std::size_t further) const {
  std::size_t wanted = static_cast<std::size_t>(static_cast<float>(elements + further) / _M_max_load_factor);
  if (wanted < buckets) return {false, 0};
  return {true, 2 * (wanted < 8 ? 8 : wanted) + 3};
}
