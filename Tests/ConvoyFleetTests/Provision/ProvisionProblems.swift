import Testing

extension ProblemCase {
    /// Mistakes in `provision`.
    static let provision: [ProblemCase] = [
        ProblemCase(
            "provision without what it needs",
            #"""
            version: 1
            servers:
              a: {host: h, provision: {database: "tm_{name}"}}
              b: {host: i, admin: {user: p}, provision: {role: "tm_{name}"}}
              c: {host: j, admin: {user: p}, provision: yes}
              d: {host: k, admin: {user: p}, provision: {databases: "x"}}
            """#,
            tells: #"""
                fleet.yaml:3:16: error: `provision` needs an `admin` connection on this server
                    hint: add for example admin: {user: postgres}: that role makes the databases
                fleet.yaml:4:45: error: `provision` has no `database`
                    hint: write for example database: "teslamate_{name}"
                fleet.yaml:5:45: error: `provision` must be a mapping of keys to values, not a single value
                fleet.yaml:6:45: error: `provision` has no `database`
                    hint: write for example database: "teslamate_{name}"
                fleet.yaml:6:46: error: `provision` has no key `databases`
                    hint: did you mean `database`?
                """#
        ),
        ProblemCase(
            "templates of names",
            #"""
            version: 1
            servers:
              a:
                host: h
                admin: {user: p}
                provision: {database: teslamate, role: "tm", locale: "", connection_limit: 0}
              b:
                host: i
                admin: {user: p}
                provision: {database: "{name}_{server}", role: "pg_{name}"}
            """#,
            tells: #"""
                fleet.yaml:1:1: error: the file lists no instances
                    hint: list them under `instances`, or find them with `discover`
                fleet.yaml:6:27: error: every instance would get the same database
                    teslamate
                    hint: add {name} to it
                fleet.yaml:6:44: error: every instance would get the same role
                    tm
                    hint: add {name} to it, or remove `role`: the server's `user` then owns every database
                fleet.yaml:6:58: error: `locale` is empty
                fleet.yaml:6:80: error: `connection_limit` must be a whole number from 1 to 1000000
                    0
                fleet.yaml:10:27: error: unknown placeholder {server}
                    {name}_{server}
                    hint: available: {name}, the name of the instance
                fleet.yaml:10:52: error: a role of this name is reserved by PostgreSQL
                    pg_{name}
                """#
        ),
        ProblemCase(
            "passwords of new roles",
            #"""
            version: 1
            servers:
              a: {host: h, admin: {user: p}, provision: {database: "{name}", password: "${file:x/{name}}"}}
              b: {host: i, admin: {user: p}, provision: {database: "{name}", role: "{name}", password: hunter2}}
              c: {host: j, admin: {user: p}, provision: {database: "{name}", role: "{name}", password: "hunter2{name}"}}
              d: {host: k, admin: {user: p}, provision: {database: "{name}", role: "{name}", password: "${file:{name}}x"}}
              e: {host: l, admin: {user: p}, provision: {database: "{name}", role: "{name}", password: "${command:v:{name}}"}}
              f: {host: m, admin: {user: p}, provision: {database: "{name}", role: "{name}", password: "${vault:{name}}"}}
            """#,
            tells: #"""
                fleet.yaml:3:66: error: `password` is that of a role for each instance, and `provision` has no `role`
                    hint: add for example role: "teslamate_{name}", or remove `password`
                fleet.yaml:4:82: error: `password` gives every role the same password
                    hint: write for example ${file:passwords/{name}}, with {name} in it
                fleet.yaml:5:82: error: `password` is not one `${…}`
                    hint: write for example ${file:passwords/{name}}: Convoy makes the file, or a secret command that has the password already
                fleet.yaml:6:82: error: `password` is not one `${…}`
                    hint: write for example ${file:passwords/{name}}: Convoy makes the file, or a secret command that has the password already
                fleet.yaml:7:92: error: “${command:…}” names an unknown secret command
                    hint: describe it under `secret_commands`
                fleet.yaml:8:82: error: unknown kind of “${…}”
                    hint: write ${env:NAME}, ${env:NAME:-default}, ${file:PATH} or ${command:NAME:KEY}; “$$” is a dollar sign
                """#
        ),
    ]
}
