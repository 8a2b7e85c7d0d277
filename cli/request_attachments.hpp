// The key `attachments` of a line of requests: tensors by name.
//
//   {"attachments": {"row": {"dtype": "float32", "shape": [1, 4], "values": [1, 2, 3, 4]},
//                    "image": {"dtype": "uint8", "shape": [480, 640, 3], "file": "image.raw"}}}
//
// A file has the tensor's elements alone, dense and row-major, in the byte order of this machine.
#pragma once

#include <filesystem>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace limelight::cli {

// folder: where relative paths of files begin. Errors: invalid_argument (names the key, what was
// found and what was expected).
Result<std::vector<Attachment>> read_attachments(const nlohmann::json& value,
                                                 const std::filesystem::path& folder);

}  // namespace limelight::cli
