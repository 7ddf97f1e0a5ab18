// How settings are laid out: which come first and under which heading, which columns a list has. What is not named here
// comes under "More", so that a new setting needs nothing.

export const LAYOUT = {
  general: [["Names", ["host_name", "default_domain", "local_domains", "main_administrator", "time_zone"]]],
  users: [["Person", ["name", "full_name", "password", "aliases", "enabled", "administrator"]], ["May", ["allow_smtp", "allow_pop3", "allow_sending", "allow_receiving"]]],
  collectors: [
    ["Mailbox at the provider", ["name", "enabled", "method", "host", "port", "encryption", "login", "feed", "odmr"]],
    ["Who gets the mail", ["routing", "routing_options", "routing_errors"]],
    ["What is collected", ["leave_days", "max_size_kb", "skip_duplicates", "use_download_rules"]],
  ],
  connections: [["Connection", ["name", "enabled", "default", "paused", "sender"]]],
  schedule: [["Schedule", ["paused", "items"]]],
  smtp: [
    ["Service", ["name", "enabled", "listen", "encryption", "authentication"]],
    ["Who may use it", ["access", "use_global_access", "anti_relay"]],
    ["Limits", ["max_message_size", "max_recipients", "max_sessions", "max_sessions_per_address"]],
    ["Rules and blacklists", ["rules", "rbl_servers", "rbl_action", "rbl_exempt"]],
  ],
  pop3: [["Service", ["name", "enabled", "listen", "encryption"]], ["Who may use it", ["access", "use_global_access", "clear_text_login_from_outside"]]],
  web: [["Page", ["enabled", "listen", "redirect_from"]], ["Who may use it", ["access", "use_global_access", "idle_timeout", "session_hours"]]],
  lan: [["LAN forwarding", ["allow_bare_names", "rules"]]],
  security: [["Keeping intruders out", ["logins", "ips", "never_block"]], ["For all services", ["global_access"]]],
};

/** Names of fields, for lists; `user` in `login` is `login.user`. */
export const COLUMNS = {
  users: ["name", "full_name", "enabled"],
  collectors: ["name", "enabled", "host", "login.user"],
  connections: ["name", "enabled", "sender.method", "paused"],
  mappings: ["address", "target", "type", "comment"],
  domain_mappings: ["internal", "external"],
  download_rules: ["name", "enabled", "action"],
  smtp: ["name", "enabled", "listen", "encryption"],
  pop3: ["name", "enabled", "listen", "encryption"],
};

/** Lists whose order means something. */
export const ORDERED = new Set(["download_rules", "connections"]);
