// The routes: who may ask for what, and which function answers. All on the loop's thread.
#pragma once

#include "actors/http/context.hpp"
#include "actors/http/keys.hpp"

namespace limelight::http {

class Service {
 public:
  explicit Service(ServiceOptions options);
  void handle(const ExchangePtr& exchange);
  // For the access log and the metrics.
  void on_record(const AccessRecord& record);
  Context& context() { return *context_; }
  void set_keys(const std::vector<std::string>& api, const std::vector<std::string>& profile);

 private:
  const Keys& keys_of(bool about_profiles) const;
  bool asks_for_token(bool about_profiles) const;
  bool may(const Exchange& exchange, bool about_profiles) const;

  ContextPtr context_;
  Keys keys_, profile_keys_;
};

}  // namespace limelight::http
