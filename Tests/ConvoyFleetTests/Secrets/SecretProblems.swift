extension ProblemCase {
    /// Mistakes with secrets and variables; hunter2 is the secret in all of them.
    static let secrets: [ProblemCase] = [
        ProblemCase(
            "literal secrets",
            #"""
            version: 1
            instances:
              - {name: a, dbname: a, password: hunter2, secrets: {encryption_key: hunter2}}
              - name: b
                url: postgresql://u:hunter2@h/b
                admin: {user: p, password: hunter2}
                direct: host=h user=u password=hunter2
              - {name: c, dbname: c, url: "postgresql://u:${env:PW}@h/c", password: "${env:PW}"}
            """#,
            tells: #"""
                fleet.yaml:3:36: warning: `password` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:3:71: warning: secret `encryption_key` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:4:11: warning: host “h” is given a password with sslmode=prefer: another server can pose as it, \#
                and the password may be sent unencrypted
                    hint: use sslmode: verify-full with sslrootcert, or channel_binding: require
                fleet.yaml:5:10: warning: the password in `url` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:6:32: warning: `password` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:7:13: warning: the password in `direct` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                """#
        ),
        ProblemCase(
            "missing secrets",
            #"""
            version: 1
            instances:
              - name: a
                password: ${env:NO_SUCH}
                secrets: {k: "${file:no/such}", l: "${file:/tmp}", m: "", n: null}
            """#,
            tells: #"""
                fleet.yaml:4:15: error: environment variable NO_SUCH is not set
                    hint: set it, or give a default: ${env:NO_SUCH:-…}
                fleet.yaml:5:18: error: the file “no/such” does not exist
                    hint: relative paths start at the directory of the fleet file
                fleet.yaml:5:40: error: the file “/tmp” is a directory
                    hint: name the file in it
                fleet.yaml:5:59: error: the secret is empty
                fleet.yaml:5:63: error: this key has no value
                    hint: write a value, or remove the key
                """#
        ),
        ProblemCase(
            "bad variables",
            #"""
            version: 1
            instances:
              - name: a
                user: ${env:}
                host: ${HOME}
                password: hunter2${env:X
                dbname: ${file:}
                port: ${env:A:-${env:B}}
                sslmode: ${env:1A}
            """#,
            tells: #"""
                fleet.yaml:4:11: error: “${env:…}” names no variable
                    ${env:}
                    hint: write ${env:NAME} or ${env:NAME:-default}
                fleet.yaml:5:11: error: unknown kind of “${…}”
                    ${HOME}
                    hint: write ${env:NAME}, ${env:NAME:-default}, ${file:PATH} or ${command:NAME:KEY}; “$$” is a dollar sign
                fleet.yaml:6:15: error: “${” is not closed
                    hint: write “}” after it, or “$$” for a dollar sign
                fleet.yaml:7:13: error: “${file:}” names no file
                    ${file:}
                    hint: write ${file:/run/secrets/password}
                fleet.yaml:8:11: error: “${…}” cannot be nested
                    ${env:A:-${env:B}}
                    hint: put the complete value into one variable
                fleet.yaml:9:14: error: “${env:…}” names no variable
                    ${env:1A}
                    hint: write ${env:NAME} or ${env:NAME:-default}
                """#
        ),
        ProblemCase(
            "split password",
            #"""
            version: 1
            instances:
              - {name: a, password: hun,ter2}
              - {name: b, password:hunter2, dbname: b}
              - {name: c, secrets: {k: hun,ter2}, dbname: c}
            """#,
            tells: #"""
                fleet.yaml:3:25: warning: `password` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:3:29: error: an instance has an unknown key here
                    hint: text with a comma, a colon or braces in it needs quotes
                fleet.yaml:4:15: error: an instance has an unknown key here
                    hint: text with a comma, a colon or braces in it needs quotes
                fleet.yaml:5:28: warning: secret `k` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:5:32: error: this key has no value
                    hint: write a value, or remove the key
                """#
        ),
        ProblemCase(
            "braces",
            #"""
            version: 1
            instances:
              - {name: a, password: {hunter2}, user: [x]}
            """#,
            tells: #"""
                fleet.yaml:3:25: error: `password` must be a single value, not a mapping
                    hint: text that begins with { needs quotes
                fleet.yaml:3:42: error: `user` must be a single value, not a list
                """#
        ),
        ProblemCase(
            "empty password",
            #"""
            version: 1
            instances:
              - {name: a, password: "${env:EMPTY:-}"}
            """#,
            tells: #"""
                fleet.yaml:3:25: error: the password is empty
                    hint: remove the key to use a password file or no password
                """#
        ),
        ProblemCase(
            "bad url",
            #"""
            version: 1
            instances:
              - {name: a, url: "jdbc:postgresql://u:hunter2@h/b"}
              - {name: b, url: "postgresql://u:hun/ter2@h:x/b?foo=hunter2"}
              - {name: c, url: "postgresql://h/c?connect_timeout=soon&sslmode=maybe&client_encoding=x"}
            """#,
            tells: #"""
                fleet.yaml:3:20: error: `url` is neither a libpq URI nor a key=value string
                    hint: write for example postgresql://user@host:5432/database; percent-encode a password in a URL: “@” is %40, “/” is %2F, \#
                “?” is %3F, “#” is %23, “:” is %3A, “%” is %25, a space is %20
                fleet.yaml:4:20: error: `url` contains a “/” or “?” before its “@”, so it cannot be split into its parts
                    hint: percent-encode a password in a URL: “@” is %40, “/” is %2F, \#
                “?” is %3F, “#” is %23, “:” is %3A, “%” is %25, a space is %20
                fleet.yaml:5:15: error: `client_encoding` cannot be set
                    hint: Convoy sets it: remove it
                fleet.yaml:5:20: error: `sslmode` must be one of disable, allow, prefer, require, verify-ca, verify-full
                fleet.yaml:5:20: error: its `connect_timeout` must be a whole number of seconds, 1 or more
                """#
        ),
        ProblemCase(
            "NUL",
            #"""
            version: 1
            instances:
              - {name: a, user: "a\0b"}
            """#,
            tells: #"""
                fleet.yaml:3:21: error: `user` contains a NUL character
                    a b
                """#
        ),
    ]
}
