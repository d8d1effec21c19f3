// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "tiny_training.hpp"
#include "tiny_transformers.hpp"
#include "trainer/interchange/export_model.hpp"
#include "trainer/interchange/import_model.hpp"
#include "trainer/interchange/saved_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using testing::HasSubstr;

class Interchange : public testing::Test {
 protected:
  void import(const std::string& name = "checkpoint", int64_t part_elements = 1 << 20) {
    import_model(
        {.from = model_, .to = folder_ / name, .data = "data", .part_elements = part_elements});
  }
  ExportedModel export_as_f32(const std::string& name, int64_t shard_bytes = kDefaultShardBytes) {
    return export_model({.checkpoint = folder_ / "checkpoint",
                         .to = folder_ / name,
                         .dtype = DType::f32,
                         .shard_bytes = shard_bytes});
  }
  /// What import says of the folder.
  template <typename ErrorType>
  std::string problem() {
    std::string message = message_of<ErrorType>([&] { import(); });
    EXPECT_FALSE(fs::exists(folder_ / "checkpoint"));
    EXPECT_FALSE(fs::exists(folder_ / "checkpoint.writing"));
    return message;
  }
  void replace_in_config(const std::string& from, const std::string& to) {
    std::string text = read_text_file(model_ / kForeignConfigName);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write_text_file(model_ / kForeignConfigName, text.replace(at, from.size(), to));
  }
  void expect_equal_tensors(const SafetensorsFolder& a, const SafetensorsFolder& b) {
    ASSERT_EQ(a.names(), b.names());
    for (const std::string& name : a.names()) {
      EXPECT_EQ(a.tensor(name).shape, b.tensor(name).shape) << name;
      EXPECT_EQ(test::read_values(a, name), test::read_values(b, name)) << name;
    }
  }

  test::TempDir folder_;
  const fs::path model_ = folder_ / "model";
};

TEST_F(Interchange, exporting_what_was_imported_gives_the_same_tensors) {
  for (const char* const name : test::kReferenceCases) {
    test::write_reference_model(model_, name);
    import();
    export_as_f32("exported");
    expect_equal_tensors(SafetensorsFolder(model_), SafetensorsFolder(folder_ / "exported"));
    const ModelShape exported = read_foreign_model(folder_ / "exported").shape;
    ModelShape imported = read_foreign_model(model_).shape;
    imported.name = exported.name;
    EXPECT_EQ(exported, imported) << name;
    for (const char* const folder : {"model", "checkpoint", "exported"})
      fs::remove_all(folder_ / folder);
  }
}

TEST_F(Interchange, parts_and_shards_change_nothing) {
  for (const char* const name : {"gpt2", "llama"}) {
    test::write_reference_model(model_, name);
    import("checkpoint", 1000);
    EXPECT_GT(read_manifest(folder_ / "checkpoint").n_files, 5);
    const ExportedModel exported = export_as_f32("exported", 10000);
    EXPECT_GT(exported.n_files, 3);
    EXPECT_TRUE(fs::exists(folder_ / "exported" / kSafetensorsIndexName));
    expect_equal_tensors(SafetensorsFolder(model_), SafetensorsFolder(folder_ / "exported"));
    for (const char* const folder : {"model", "checkpoint", "exported"})
      fs::remove_all(folder_ / folder);
  }
}

TEST_F(Interchange, bf16_and_f16_are_imported_exactly_and_exported_rounded) {
  test::write_reference_model(model_, "llama", DType::bf16);
  import();
  const ExportedModel exported =
      export_model({.checkpoint = folder_ / "checkpoint", .to = folder_ / "exported"});
  EXPECT_EQ(exported.dtype, DType::bf16);  // the configuration that import writes trains in it
  expect_equal_tensors(SafetensorsFolder(model_), SafetensorsFolder(folder_ / "exported"));
  export_model({.checkpoint = folder_ / "checkpoint", .to = folder_ / "f16", .dtype = DType::f16});
  expect_equal_tensors(SafetensorsFolder(model_), SafetensorsFolder(folder_ / "f16"));
}

TEST_F(Interchange, weights_beyond_float16_are_refused) {
  test::write_reference_config(model_, "llama");
  std::vector<test::NamedValues> tensors = test::formula_tensors(model_);
  tensors[3].values[5] = 70000;
  test::write_safetensors(model_ / kSafetensorsName, tensors);
  import();
  const std::string message = message_of<ConfigError>([&] {
    export_model(
        {.checkpoint = folder_ / "checkpoint", .to = folder_ / "f16", .dtype = DType::f16});
  });
  EXPECT_THAT(message, HasSubstr(fmt::format("tensor '{}' holds 70000", tensors[3].name)));
  EXPECT_FALSE(fs::exists(folder_ / "f16"));
  EXPECT_FALSE(fs::exists(folder_ / "f16.writing"));
}

TEST_F(Interchange, a_target_that_exists_is_left_alone) {
  test::write_reference_model(model_, "llama");
  write_text_file(folder_ / "checkpoint/notes", "mine");
  EXPECT_THAT(message_of<FileError>([&] { import(); }), HasSubstr("exists; name a new folder"));
  EXPECT_EQ(read_text_file(folder_ / "checkpoint/notes"), "mine");
}

TEST_F(Interchange, names_may_lack_the_prefix_of_the_causal_model) {
  for (const char* const name : {"gpt2", "llama_bias"}) {
    test::write_reference_config(model_, name);
    std::vector<test::NamedValues> tensors = test::formula_tensors(model_);
    const std::string prefix = foreign_prefix(read_foreign_model(model_).family);
    const std::string first = tensors[0].name;
    for (test::NamedValues& tensor : tensors)
      if (tensor.name.starts_with(prefix)) tensor.name.erase(0, prefix.size());
    const std::vector<float> values = tensors[0].values;
    test::write_safetensors(model_ / kSafetensorsName, tensors);
    import();
    export_as_f32("exported");
    EXPECT_EQ(test::read_values(SafetensorsFolder(folder_ / "exported"), first), values);
    for (const char* const folder : {"model", "checkpoint", "exported"})
      fs::remove_all(folder_ / folder);
  }
}

TEST_F(Interchange, a_missing_tensor_is_named) {
  test::write_reference_config(model_, "gpt2");
  std::vector<test::NamedValues> tensors = test::formula_tensors(model_);
  tensors.erase(tensors.begin() + 2);
  test::write_safetensors(model_ / kSafetensorsName, tensors);
  EXPECT_THAT(problem<FileError>(), HasSubstr("tensor 'transformer.h.0.ln_1.weight' is missing;"));
  tensors.pop_back();
  test::write_safetensors(model_ / kSafetensorsName, tensors);
  EXPECT_THAT(problem<FileError>(),
              HasSubstr("tensor 'transformer.h.0.ln_1.weight' is missing (and 1 more);"));
}

TEST_F(Interchange, a_tensor_of_another_shape_or_type_is_named) {
  test::write_reference_config(model_, "llama");
  std::vector<test::NamedValues> tensors = test::formula_tensors(model_);
  tensors[1].shape = {16, 2};
  test::write_safetensors(model_ / kSafetensorsName, tensors);
  EXPECT_THAT(problem<FileError>(),
              HasSubstr("'model.layers.0.input_layernorm.weight' has shape (16, 2) (by config.json "
                        "it is (32))"));
  test::write_reference_model(model_, "llama");
  std::string bytes = read_text_file(model_ / kSafetensorsName);
  const std::size_t at = bytes.find("\"F32\"");
  write_text_file(model_ / kSafetensorsName, bytes.replace(at, 5, "\"I32\""));
  EXPECT_THAT(
      problem<FileError>(),
      HasSubstr("'model.embed_tokens.weight' has dtype 'I32' (F32, BF16 and F16 are read)"));
}

TEST_F(Interchange, a_tensor_that_the_model_has_no_place_for_is_named) {
  test::write_reference_config(model_, "llama");
  std::vector<test::NamedValues> tensors = test::formula_tensors(model_);
  tensors.push_back({"model.layers.2.mlp.up_proj.weight", {1}, {1.0F}});
  test::write_safetensors(model_ / kSafetensorsName, tensors);
  EXPECT_THAT(problem<FileError>(), HasSubstr("tensor 'model.layers.2.mlp.up_proj.weight' belongs "
                                              "to no part of the model"));
}

TEST_F(Interchange, tables_of_older_versions_and_a_tied_output_are_ignored) {
  test::write_reference_config(model_, "gpt2");
  std::vector<test::NamedValues> tensors = test::formula_tensors(model_);
  tensors.push_back({"transformer.h.0.attn.bias", {1}, {1.0F}});
  tensors.push_back({"transformer.h.1.attn.masked_bias", {1}, {1.0F}});
  tensors.push_back({"lm_head.weight", {97, 32}, tensors[0].values});
  test::write_safetensors(model_ / kSafetensorsName, tensors);
  const ImportedModel imported =
      import_model({.from = model_, .to = folder_ / "checkpoint", .data = "data"});
  EXPECT_EQ(imported.ignored.size(), 3U);
}

TEST_F(Interchange, configurations_that_compute_something_else_are_refused_at_their_key) {
  struct Case {
    const char* model;
    const char* from;
    const char* to;
    const char* message;
  };
  for (const Case& wrong : {
           Case{"llama", "\"rope_type\": \"default\"", "\"rope_type\": \"llama3\"",
                "scaled rotary positions"},
           Case{"llama", "\"vocab_size\"",
                "\"rope_scaling\": {\"type\": \"linear\"}, \"vocab_size\"",
                "scaled rotary positions"},
           Case{"llama", "\"vocab_size\"", "\"partial_rotary_factor\": 0.5, \"vocab_size\"",
                "partly rotary heads"},
           Case{"mistral", "\"sliding_window\": null", "\"sliding_window\": 16",
                "attention within sliding_window of 64 tokens"},
           Case{"qwen2", "\"use_sliding_window\": false", "\"use_sliding_window\": true",
                "attention within windows"},
           Case{"gpt2", "\"scale_attn_weights\": true", "\"scale_attn_weights\": false",
                "attention that is not scaled"},
           Case{"gpt2", "\"scale_attn_by_inverse_layer_idx\": false",
                "\"scale_attn_by_inverse_layer_idx\": true", "attention scaled by layer"},
           Case{"gpt2", "\"add_cross_attention\": false", "\"add_cross_attention\": true",
                "cross-attention"},
           Case{"llama", "\"model_type\": \"llama\"", "\"model_type\": \"gemma\"",
                "must be one of gpt2, llama, mistral, qwen2, qwen3"},
       }) {
    test::write_reference_model(model_, wrong.model);
    replace_in_config(wrong.from, wrong.to);
    const std::string message = problem<ConfigError>();
    EXPECT_THAT(message, HasSubstr(wrong.message));
    EXPECT_THAT(message, HasSubstr("config.json:"));
  }
}

TEST_F(Interchange, mistral_without_the_key_has_windows_of_4096) {
  test::write_reference_model(model_, "mistral");
  replace_in_config("\"sliding_window\": null,", "");
  replace_in_config("\"max_position_embeddings\": 64", "\"max_position_embeddings\": 4097");
  EXPECT_THAT(problem<ConfigError>(), HasSubstr("sliding_window"));
  replace_in_config("\"max_position_embeddings\": 4097", "\"max_position_embeddings\": 4096");
  import();
}

TEST_F(Interchange, folders_that_hold_no_model_are_refused) {
  EXPECT_THAT(problem<FileError>(), HasSubstr("config.json: is not there"));
  test::write_reference_config(model_, "llama");
  EXPECT_THAT(problem<FileError>(), HasSubstr("holds neither model.safetensors nor"));
  write_text_file(model_ / "pytorch_model.bin", "");
  EXPECT_THAT(problem<FileError>(), HasSubstr("safe_serialization=True"));
}

TEST_F(Interchange, an_index_that_names_a_tensor_where_it_is_not_is_refused) {
  test::write_reference_model(model_, "llama");
  fs::rename(model_ / kSafetensorsName, model_ / "one.safetensors");
  write_text_file(model_ / kSafetensorsIndexName, R"({"weight_map": {"x": "one.safetensors"}})");
  EXPECT_THAT(problem<FileError>(),
              HasSubstr("names tensor 'x' in one.safetensors, which does not hold it"));
  write_text_file(model_ / kSafetensorsIndexName, R"({"weight_map": {"x": "two.safetensors"}})");
  EXPECT_THAT(problem<FileError>(), HasSubstr("two.safetensors"));
  write_text_file(model_ / kSafetensorsIndexName, R"({"map": {}})");
  EXPECT_THAT(problem<FileError>(), HasSubstr("'weight_map' is missing"));
}

TEST_F(Interchange, a_tensor_in_two_files_is_refused) {
  test::write_reference_config(model_, "llama");
  const std::vector<test::NamedValues> tensors = test::formula_tensors(model_);
  test::write_safetensors(model_ / "one.safetensors", {tensors[0]});
  test::write_safetensors(model_ / "two.safetensors", tensors);
  write_text_file(
      model_ / kSafetensorsIndexName,
      fmt::format(R"({{"weight_map": {{"{}": "one.safetensors", "{}": "two.safetensors"}}}})",
                  tensors[0].name, tensors[1].name));
  EXPECT_THAT(problem<FileError>(), HasSubstr("one.safetensors holds too"));
}

/// The configuration beside an imported model, for data that is there.
TrainConfig training_from(const fs::path& checkpoint, const fs::path& data, const fs::path& out) {
  TrainConfig config = read_train_config(ConfigNode::load(checkpoint / kCheckpointConfigName));
  EXPECT_EQ(config.checkpoint.from, checkpoint);
  config.run.out = out;
  config.data = {data, test::kTinySeqLen};
  config.layout = {.micro_batch_size = 1, .global_batch_size = 4};
  config.schedule = {.steps = 4, .warmup_steps = 1};
  return config;
}

TEST_F(Interchange, training_goes_on_from_what_was_imported) {
  test::write_reference_model(model_, "llama");
  import();
  const test::TinyData data;
  const TrainConfig config = training_from(folder_ / "checkpoint", data.folder(), folder_.path());
  SingleLaunch alone("here");
  Preparation preparation = prepare(config, 1);
  preparation.checkpoint.emplace(folder_ / "checkpoint");
  Session session(std::move(preparation), alone, make_cpu_backend({}));
  EXPECT_EQ(session.first_step(), 1);
  const SavedModel saved(folder_ / "checkpoint");
  std::vector<float> imported(97 * 32);
  saved.read(0, 0, imported);
  const TensorView params = session.shard().params();
  EXPECT_TRUE(std::equal(imported.begin(), imported.end(), params.as<float>()));
  for (int64_t i = 0; i < session.shard().m().size(); ++i)
    ASSERT_EQ(session.shard().m().as<float>()[i], 0) << i;
  enqueue_step(session, 1);
  EXPECT_LT(session.io().wait(1).output.loss_sum * session.grad_scale(1), 6);
}

/// A run of ours, its padding and its tokenizer.
class Export : public testing::Test {
 protected:
  fs::path train(const ModelShape& shape) {
    TrainConfig config = test::tiny_config(shape, data_.folder());
    config.run.out = folder_.path();
    config.precision = Precision::fp32;
    SingleLaunch alone("here");
    Session session = test::make_session(config, alone, make_cpu_backend({}));
    enqueue_step(session, 1);
    session.io().wait(1);
    session.checkpoints().save_last(1);
    return config.checkpoint_folder();
  }
  test::TinyData data_;
  test::TempDir folder_;
};

TEST_F(Export, rows_that_pad_the_vocabulary_are_left_out) {
  ModelShape shape = test::tiny_llama();
  shape.vocab_size = test::kTinyVocab + 3;
  const ExportedModel exported =
      export_model({.checkpoint = train(shape), .to = folder_ / "exported"});
  EXPECT_EQ(exported.vocab_size, test::kTinyVocab);
  EXPECT_EQ(exported.model_vocab_size, test::kTinyVocab + 3);
  const SafetensorsFolder weights(folder_ / "exported");
  EXPECT_EQ(weights.tensor("model.embed_tokens.weight").shape,
            (std::vector<int64_t>{test::kTinyVocab, 16}));
  EXPECT_EQ(weights.tensor("lm_head.weight").shape, (std::vector<int64_t>{test::kTinyVocab, 16}));
  EXPECT_EQ(read_foreign_model(folder_ / "exported").shape.vocab_size, test::kTinyVocab);
}

TEST_F(Export, without_the_dataset_padding_stays_and_the_tokenizer_is_unknown) {
  const fs::path checkpoint = train(test::tiny_llama());
  fs::remove(data_.folder() / kDatasetIndexName);
  const ExportedModel exported =
      export_model({.checkpoint = checkpoint, .to = folder_ / "exported"});
  EXPECT_EQ(exported.vocab_size, test::kTinyVocab);
  EXPECT_THAT(exported.tokenizer, HasSubstr("unknown"));
  EXPECT_THAT(
      message_of<FileError>([&] {
        export_model({.checkpoint = checkpoint, .to = folder_ / "other", .data = folder_.path()});
      }),
      HasSubstr(folder_.path().string()));
}

TEST_F(Export, biases_that_ours_lacks_are_zero) {
  ModelShape shape = test::tiny_gpt2();
  shape.norm = NormKind::layernorm_nobias;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = false;
  export_model({.checkpoint = train(shape), .to = folder_ / "exported"});
  const SafetensorsFolder weights(folder_ / "exported");
  for (const char* const name : {"transformer.h.0.ln_1.bias", "transformer.h.1.attn.c_attn.bias",
                                 "transformer.h.1.mlp.c_proj.bias", "transformer.ln_f.bias"}) {
    const std::vector<float> values = test::read_values(weights, name);
    EXPECT_EQ(values, std::vector<float>(values.size(), 0.0F)) << name;
  }
}

TEST_F(Export, a_damaged_checkpoint_is_passed_over) {
  const fs::path checkpoints = train(test::tiny_llama());
  const fs::path first = checkpoints / "step-00000001";
  fs::copy(first, checkpoints / "step-00000002", fs::copy_options::recursive);
  std::fstream file(checkpoints / "step-00000002" / state_file_name(0),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(5000);
  file.put('\x55');
  file.close();
  EXPECT_EQ(SavedModel(checkpoints).folder(), first);
  EXPECT_THAT(message_of<FileError>([&] { SavedModel(checkpoints / "step-00000002"); }),
              HasSubstr("checksum"));
  fs::remove_all(first);
  EXPECT_THAT(message_of<FileError>([&] { const SavedModel model(checkpoints); }),
              HasSubstr("none of its 1 checkpoints is whole"));
  EXPECT_THAT(message_of<FileError>([&] { const SavedModel model(folder_.path()); }),
              HasSubstr("holds no checkpoint"));
}

}  // namespace
}  // namespace isoflop
