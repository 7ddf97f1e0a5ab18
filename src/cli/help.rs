//! The text of `--help`.

pub const HELP: &str = "\
Pillarbox: an office mail box in one program.

  pillarbox run [--config FILE] [--high-ports] [--user NAME]
      Runs the box until SIGTERM or SIGINT. FILE (TOML) is put in force at start, once each time it has changed.
      --high-ports adds 10000 to all ports below 10000. Started as root, the program becomes NAME after binding
      its ports (default: pillarbox, where that user exists).
  pillarbox demo [--once]
      A box and a provider on this machine, with sample mails coming and going. --once: checks 50 mails and ends.

  pillarbox status                    what listens, queue, collectors, senders, last problems
  pillarbox collect                   collects from all providers now
  pillarbox connection list           Connections: state, last run, next run
  pillarbox connection start [NAME]   runs one, or the default ones, now, also while paused; what was put off is tried
  pillarbox connection pause [NAME]   the schedule starts it no more and its mail waits; no NAME: the whole schedule
  pillarbox connection resume [NAME]
  pillarbox dns                       the name servers in use, and what the last test has said of them
  pillarbox dns test                  tests them now, with a name that exists and one that does not
  pillarbox queue list                mails that wait to go out
  pillarbox queue retry [ID]          tries one, or all that are not held, now
  pillarbox queue hold|release|remove ID
  pillarbox queue hold ID --for TIME  until then, such as 90m, 2h, 3d
  pillarbox queue priority ID NUMBER  1 goes first, 100 last, 50 is usual
  pillarbox queue delete-after ID TIME
                                      deletes it then, such as 90m, 2h, 3d, sent or not; never: it is not deleted
  pillarbox queue show ID             with each recipient and what was tried
  pillarbox user list
  pillarbox user add NAME [--full-name TEXT] [--alias ADDRESS]... [--administrator] [--password-stdin]
  pillarbox user passwd NAME [--password-stdin]
  pillarbox user remove NAME
  pillarbox mapping list
  pillarbox mapping add ADDRESS TARGET [--type all|smtp|local|pop3] [--comment TEXT]
  pillarbox mapping remove ADDRESS [TARGET]
  pillarbox mapping import FILE       adds those of a CSV file: address, target, type, comment
  pillarbox mapping test ADDRESS      where mail for ADDRESS goes, and why
  pillarbox lan export-rules [--server NAME]  the rules with which another Pillarbox forwards to this one
  pillarbox config check FILE         says whether FILE is a good configuration
  pillarbox config export [--secrets] prints the configuration in force; passwords only with --secrets
  pillarbox config import FILE        puts FILE in force
  pillarbox config restore-defaults PAGE  puts one page of the settings, such as general or security, back as on a new
                                      box; names, domains, sockets, rules and passwords stay
  pillarbox access import SERVICE FILE  puts access restrictions as VPOP3 keeps them in force; SERVICE is global, web,
                                      smtp, pop3, or smtp:NAME, pop3:NAME
  pillarbox rules import LIST FILE    puts rules in VPOP3's text form in force; LIST is download, smtp or smtp:NAME
  pillarbox rules export LIST         prints them in that form
  pillarbox access lan SERVICE        opens a service to the local networks, routers excepted, and to nobody else
  pillarbox block list|events         who is kept out now; what clients did wrong lately
  pillarbox block add NETWORK MINUTES
  pillarbox block remove NETWORK
  pillarbox hooks list                the functions that scripts may have
  pillarbox hooks scripts             the scripts that are stored
  pillarbox hooks show|remove NAME
  pillarbox hooks save NAME FILE      stores a script, such as mxout.lua or bob/delivery.lua, and puts it in force
  pillarbox hooks import|export DIR   all *.lua of DIR and, as those of users, of its folders
  pillarbox hooks check FILE          says what is wrong with a script, or looks like a mistake
  pillarbox hooks run SCRIPT [FUNCTION] [--mail FILE]  tries a hook on a mail; nothing is sent or stored
  pillarbox backup DIR                a copy of everything in the new directory DIR, while mail goes on
  pillarbox restore DIR               makes the data directory, which must not exist or be empty, from a backup
  pillarbox appliance halt|restart|backup  on the flashable image: stops or restarts the board; a backup onto the USB stick

  --data DIR    the data directory (default: /var/lib/pillarbox)
  --json        prints JSON where data is printed
  --help, --version

The commands speak to the running program through control.sock in the data directory, and open the data themselves
when none runs. Passwords are asked for, or read from standard input, never taken from the command line.
Exit status: 0 done, 1 failed (one line on standard error says why), 2 the command is not understood.
";
