// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/input_file.hpp"
#include "trainer/interchange/safetensors.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

inline constexpr const char* kSafetensorsName = "model.safetensors";
inline constexpr const char* kSafetensorsIndexName = "model.safetensors.index.json";

/// Which tensors each file of a folder holds, in order, and what the files are called: one
/// model.safetensors, or model-00001-of-00003.safetensors and so on with an index.
struct SafetensorsPlan {
  struct File {
    std::string name;
    std::vector<SafetensorsTensor> tensors;
  };
  std::vector<File> files;
  int64_t data_bytes = 0;  ///< of all tensors
};

/// As transformers divides them: a file is full before a tensor that would take its data beyond
/// `shard_bytes`; a larger tensor has a file of its own.
SafetensorsPlan plan_safetensors(const std::vector<SafetensorsTensor>& tensors,
                                 int64_t shard_bytes);

/// The index of a plan of several files.
std::string safetensors_index_json(const SafetensorsPlan& plan);

/// The tensors of a folder, by name.
class SafetensorsFolder {
 public:
  /// Reads the headers of model.safetensors, or of all files that model.safetensors.index.json
  /// names. Throws FileError.
  explicit SafetensorsFolder(std::filesystem::path folder);

  const std::filesystem::path& path() const { return folder_; }
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const { return places_.contains(name); }
  /// The tensor of that name, which must be there.
  const SafetensorsTensor& tensor(const std::string& name) const { return places_.at(name).tensor; }
  /// Where it is, for messages.
  std::string file_of(const std::string& name) const;
  /// Elements [offset, offset + out.size()) of a tensor of f32, bf16 or f16.
  void read(const std::string& name, int64_t offset, std::span<float> out) const;

 private:
  struct File {
    explicit File(const std::filesystem::path& path)
        : input(path), table(read_safetensors_table(path)) {}
    InputFile input;
    SafetensorsTable table;
  };
  struct Place {
    std::size_t file = 0;
    SafetensorsTensor tensor;
  };
  void add_file(const std::string& name);

  std::filesystem::path folder_;
  std::vector<std::string> file_names_;
  std::vector<std::unique_ptr<const File>> files_;
  std::map<std::string, Place> places_;
};

}  // namespace isoflop
