extension ProblemCase {
    /// Mistakes in servers, and in how instances refer to them.
    static let servers: [ProblemCase] = [
        ProblemCase(
            "unknown server",
            #"""
            version: 1
            servers:
              eu-1: {host: h}
            instances:
              - {name: a, server: eu1, dbname: a}
              - {name: b, server: zz, dbname: b}
            """#,
            tells: #"""
                fleet.yaml:5:23: error: unknown server
                    eu1
                    hint: did you mean `eu-1`?
                fleet.yaml:6:23: error: unknown server
                    zz
                    hint: available: `eu-1`
                """#
        ),
        ProblemCase(
            "no servers",
            #"""
            version: 1
            instances:
              - {name: a, server: eu1}
            """#,
            tells: #"""
                fleet.yaml:3:23: error: unknown server
                    eu1
                    hint: list it under `servers`
                """#
        ),
        ProblemCase(
            "bad server",
            #"""
            version: 1
            servers:
              eu 1: {host: h}
              eu-2: {host: h, max_connections: -1, name: x}
              eu-3: {host: h}
              eu-3: {host: i}
              eu-4: 5
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:3:3: error: a server's name is not valid
                    hint: use ASCII letters, digits, “.”, “_” and “-”
                fleet.yaml:4:36: error: `max_connections` must be a whole number from 1 to 100000
                    -1
                fleet.yaml:4:40: error: server `eu-2` has no key `name`
                    hint: did you mean `dbname`?
                fleet.yaml:5:3: warning: server `eu-3` has the same address as `eu-2`
                    hint: instances of one server share its connection budget, and these two do not
                fleet.yaml:6:3: error: `eu-3` is given twice
                    hint: the first one is on line 5
                fleet.yaml:7:9: error: server `eu-4` must be a mapping of keys to values, not a single value
                """#
        ),
        ProblemCase(
            "servers a list",
            #"""
            version: 1
            servers: [eu-1]
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:2:10: error: `servers` must be a mapping of keys to values, not a list
                """#
        ),
        ProblemCase(
            "another host than the server's",
            #"""
            version: 1
            servers: {s: {host: h}}
            instances:
              - {name: a, server: s, host: i}
            """#,
            tells: #"""
                fleet.yaml:4:26: warning: this host is not the host of server `s`
                    hint: the instance uses connections of that server's budget: remove `server` if it is on another server
                """#
        ),
        ProblemCase(
            "ports and hosts",
            #"""
            version: 1
            instances:
              - {name: a, host: "h,i,j", port: "1,2"}
            """#,
            tells: #"""
                fleet.yaml:3:5: error: there are 2 ports for 3 hosts
                    hint: give one port, or one for each host
                """#
        ),
        ProblemCase(
            "bad admin and direct",
            #"""
            version: 1
            instances:
              - {name: a, admin: {}, direct: {}, dbname: a}
              - {name: b, admin: hunter2, direct: "postgres://u:hunter2@h:x/", dbname: b}
              - {name: c, admin: {user: p, dbname: q}, direct: {prt: 1}, dbname: c}
            """#,
            tells: #"""
                fleet.yaml:3:15: error: `admin` is empty
                    hint: give it a `user`, or remove it
                fleet.yaml:3:26: error: `direct` is empty
                    hint: give it a `host` or `port`, or remove it
                fleet.yaml:4:12: warning: host “h” is given a password with sslmode=prefer: another server can pose as it, \#
                and the password may be sent unencrypted
                    hint: use sslmode: verify-full with sslrootcert, or channel_binding: require
                fleet.yaml:4:22: error: `admin` must be a mapping of keys to values, not a single value
                fleet.yaml:4:39: error: `port` must be a whole number from 1 to 65535
                fleet.yaml:4:39: warning: the password in `direct` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:5:32: error: `admin` names a database
                    hint: remove the name: `admin` connects to the instance's database
                fleet.yaml:5:44: error: `direct` is empty
                    hint: give it a `host` or `port`, or remove it
                fleet.yaml:5:53: error: `direct` has no key `prt`
                    hint: did you mean `port`?
                """#
        ),
    ]
}
