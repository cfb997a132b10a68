extension ProblemCase {
    /// Mistakes with secret commands; no program is run for any of them.
    static let secretCommands: [ProblemCase] = [
        ProblemCase(
            "secret commands that can be used",
            #"""
            version: 1
            secret_commands:
              vault: {run: [vault, kv, get, -field=password, "{key}"], ttl: 0s, timeout: 5m, environment: [VAULT_ADDR]}
              sops: {run: [./missing, --extract, '["{key}"]', x]}
            instances:
              - name: a
                url: postgresql://u:${command:vault:kv/a}@localhost/a
                admin: {user: p, password: "${command:vault:kv/admin}"}
                secrets: {k: "${command:sops:k}", l: {exact: "${command:sops:l}"}}
            notifications: [{url: "${command:vault:hook}", headers: {Authorization: "Bearer ${command:vault:t}"}}]
            """#,
            tells: ""
        ),
        ProblemCase(
            "secret commands that cannot be used",
            #"""
            version: 1
            secret_commands:
              none: {}
              empty: {run: []}
              shell: {run: "vault {key}"}
              fixed: {run: [vault, password]}
              program: {run: ["vault-{key}", "{key}"]}
              word: {run: [vault, "{name}", "{key}"]}
              long: {run: [vault, "{key}"], ttl: 25h}
              slow: {run: [vault, "{key}"], timeout: 6m}
              short: {run: [vault, "{key}"], timeout: 1ms}
              odd: {run: [vault, "{key}"], cache: 5m}
              nested: {run: [vault, "{key}", "${command:vault:x}"]}
              bad name: {run: [vault, "{key}"]}
            instances: [{name: a, database: a}]
            """#,
            tells: #"""
                fleet.yaml:3:9: error: secret command `none` has no `run`
                    hint: write run: [program, argument, "{key}"]
                fleet.yaml:4:16: error: `run` names no program
                    hint: it is not a shell string: write [program, argument, …]
                fleet.yaml:5:16: error: `run` must be a list, not a single value
                    hint: it is not a shell string: write [program, argument, …]
                fleet.yaml:6:11: error: the arguments of secret command `fixed` have no {key}
                    hint: write "{key}" where the program takes a key
                fleet.yaml:7:18: error: the program of a secret command cannot contain {key}
                    hint: put it into an argument
                fleet.yaml:8:23: error: the word in braces is not a known placeholder
                    hint: available: {key}
                fleet.yaml:9:38: error: `ttl` is too long
                    hint: the maximum is 24h
                fleet.yaml:10:42: error: `timeout` is too long
                    hint: the maximum is 5m, because connections wait for the program
                fleet.yaml:11:43: error: `timeout` is too short
                    hint: it must be at least 0.1 seconds
                fleet.yaml:12:32: error: secret command `odd` has no key `cache`
                    hint: available: `environment`, `run`, `timeout`, `ttl`
                fleet.yaml:13:34: error: `run` cannot come from a secret command
                    hint: secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification
                fleet.yaml:14:3: error: a secret command's name is not valid
                    hint: use ASCII letters, digits, “.”, “_” and “-”
                """#
        ),
        ProblemCase(
            "what asks a secret command wrongly",
            #"""
            version: 1
            secret_commands:
              vault: {run: [vault, "{key}"]}
            instances:
              - {name: a, database: a, password: "${command:vautl:x}"}
              - {name: b, database: b, password: "${command:vault}"}
              - {name: c, database: c, password: "${command:vault:}"}
              - {name: d, database: d, password: "${command:vault:-x}"}
              - {name: e, database: e, password: "${command:vault:a b}"}
              - {name: f, database: f, password: "${command:vault:${env:PW}}"}
              - {name: g, database: g, host: "${command:vault:x}"}
              - {name: "${command:vault:x}", database: h}
              - {name: i, url: "${command:vault:x}"}
              - {name: j, url: "postgresql://${command:vault:x}:pw@localhost/j"}
              - {name: k, database: k, labels: {ring: "${command:vault:x}"}}
            rollout: {hooks: {before_run: [notify, "${command:vault:x}"]}, waves: [{name: w, count: 1, gate: {http: "${command:vault:x}"}}, {name: v}]}
            journal: ${command:vault:x}
            """#,
            tells: #"""
                fleet.yaml:5:38: error: “${command:…}” names an unknown secret command
                    hint: did you mean `vault`?
                fleet.yaml:6:38: error: “${command:…}” names no secret command and key
                    hint: write ${command:NAME:KEY}, for example ${command:vault:teslamate/alice}
                fleet.yaml:7:38: error: “${command:…}” names no secret command and key
                    hint: write ${command:NAME:KEY}, for example ${command:vault:teslamate/alice}
                fleet.yaml:8:38: error: the key in “${command:…}” begins with “-”
                    hint: a program would take it for an option
                fleet.yaml:9:38: error: the key in “${command:…}” is not valid
                    hint: use at most 256 ASCII letters, digits and . _ - / : @ + = , %
                fleet.yaml:10:38: error: “${…}” cannot be nested
                    hint: put the complete value into one variable
                fleet.yaml:11:34: error: `host` cannot come from a secret command
                    hint: secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification
                fleet.yaml:12:12: error: `name` cannot come from a secret command
                    hint: secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification
                fleet.yaml:13:20: error: `url` cannot come from a secret command as a whole: its host and database must be known before
                    hint: write its parts; only a password can come from a secret command
                fleet.yaml:14:20: error: the `user` of `url` cannot come from a secret command
                    hint: secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification
                fleet.yaml:14:20: warning: the password in `url` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:15:43: error: `ring` cannot come from a secret command
                    hint: secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification
                fleet.yaml:16:40: error: `before_run` cannot come from a secret command
                    hint: secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification
                fleet.yaml:16:105: error: `http` cannot come from a secret command
                    hint: secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification
                fleet.yaml:17:10: error: `journal` is not a path
                    hint: name a file, for example .convoy/journal.sqlite, or a control database: postgresql://…
                """#
        ),
    ]
}
