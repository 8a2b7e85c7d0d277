// profiler_out_<stage_id>.txt: what each operation of a stage took, over all its ranks, with the
// columns that PyTorch's users know.
#pragma once

#include <filesystem>
#include <vector>

#include "actors/pipeline/protocol.hpp"

namespace limelight::actors {

// One file beside the traces for each stage that has one. The file of an earlier run is kept: the
// session that it is about becomes part of its name, `profiler_out_<stage_id>-<session>.txt`.
// folder: where that of a stage goes whose traces lie on another machine. Errors: io.
Result<void> write_profiler_out(const std::vector<RankTrace>& ranks,
                                const std::filesystem::path& folder = {});

}  // namespace limelight::actors
