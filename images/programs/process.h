// What does a process say of itself while it is measured: where it is, its threads' clocks, its arithmetic?
#pragma once

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cfloat>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {

constexpr int PATIENCE_MS = 30000;

// Say where the program is, then wait for the host's byte: workloads/handshake.py.
inline void meet(const std::string& word) {
  std::ofstream("/proc/self/comm") << "bench:" + word;
  if (isatty(0)) return;
  pollfd input{0, POLLIN, 0};
  char byte;
  if (poll(&input, 1, PATIENCE_MS) > 0 && read(0, &byte, 1) < 0) return;
}

// Thread id -> nanoseconds (on a CPU, waiting for one); a thread without schedstat is left out.
inline std::map<std::string, std::pair<uint64_t, uint64_t>> thread_clocks() {
  std::map<std::string, std::pair<uint64_t, uint64_t>> found;
  DIR* folder = opendir("/proc/self/task");
  if (folder == nullptr) return found;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream file(std::string("/proc/self/task/") + entry->d_name + "/schedstat");
    uint64_t ran, waited;
    if (file >> ran >> waited) found[entry->d_name] = {ran, waited};
  }
  closedir(folder);
  return found;
}

// `kept`, or what of `results` and `operands` this thread takes for zero when they are subnormal.
inline std::string denormals() {
  volatile float normal = FLT_MIN, half = 0.5f, result = normal * half;
  uint32_t bits = 1;
  float tiny;
  std::memcpy(&tiny, &bits, sizeof tiny);
  volatile float operand = tiny, large = 1152921504606846976.0f /* 2**60 */, product = operand * large;
  std::memcpy(&bits, const_cast<float*>(&result), sizeof bits);  // as bits: a comparison takes it for zero, too
  const bool results = bits == 0;
  std::memcpy(&bits, const_cast<float*>(&product), sizeof bits);
  const bool operands = bits == 0;
  if (!results && !operands) return "kept";
  return std::string("flushed: ") + (results ? "results" : "") + (results && operands ? ", " : "") +
         (operands ? "operands" : "");
}

// A function of a library that is mapped already; null where there is none.
inline void* mapped_symbol(const std::string& path, const std::string& name) {
  void* library = dlopen(path.c_str(), RTLD_NOLOAD | RTLD_LAZY);
  if (library == nullptr) return nullptr;
  void* symbol = dlsym(library, name.c_str());
  dlclose(library);
  return symbol;
}

// Standard output into a file while it lives, C's buffers too.
class Captured {
 public:
  explicit Captured(const std::string& path) : kept_(dup(1)) {
    std::fflush(nullptr);
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) throw std::runtime_error("cannot write " + path);
    dup2(file, 1);
    close(file);
  }
  ~Captured() {
    std::fflush(nullptr);
    dup2(kept_, 1);
    close(kept_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

 private:
  int kept_;
};

}  // namespace bench
