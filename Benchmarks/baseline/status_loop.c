/*
 * What the fan-out benchmark measures Convoy against: a bare libpq loop around poll(2) that asks every database the same questions in the
 * same number of round trips, with the same number of connections at a time, and does nothing with the answers.
 *
 *     status_loop CONNINFO CONCURRENCY STATEMENTS < DATABASES
 *
 * STATEMENTS is a file of statements, each ended by a NUL byte; an empty one ends a round trip. One that begins with `!` is a round trip of its own,
 * sent as a script without parameters, as COPY has to be. DATABASES are names, one a line.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { UNUSED, CONNECTING, ASKING };

struct session {
    enum phase phase;
    PGconn *connection;
    const char *database;
    size_t next;    /* the statement that the next round trip begins with */
    int syncs;      /* round trips whose end has not come */
    int script;     /* whether the one under way is a script */
    short events;
};

static const char *statements[4096];
static size_t statement_count;
static char *databases[100000];
static size_t database_count, next_database, finished;
static unsigned long long bytes;
static const char *conninfo;

static void fail(const char *what, const struct session *session)
{
    fprintf(stderr, "status_loop: %s: %s: %s\n", session->database, what, session->connection ? PQerrorMessage(session->connection) : "");
    exit(1);
}

static void *read_all(FILE *file, size_t *size)
{
    size_t capacity = 1 << 20;
    char *buffer = malloc(capacity);
    size_t count;

    *size = 0;
    while (buffer && (count = fread(buffer + *size, 1, capacity - *size - 1, file)) > 0) {
        *size += count;
        if (*size == capacity - 1)
            buffer = realloc(buffer, capacity *= 2);
    }
    if (!buffer) {
        perror("status_loop");
        exit(1);
    }
    buffer[*size] = 0;
    return buffer;
}

static void start(struct session *session)
{
    char string[2048];

    if (next_database == database_count) {
        session->phase = UNUSED;
        return;
    }
    session->database = databases[next_database++];
    snprintf(string, sizeof string, "%s dbname='%s'", conninfo, session->database);
    session->connection = PQconnectStart(string);
    if (!session->connection || PQstatus(session->connection) == CONNECTION_BAD)
        fail("connect", session);
    session->phase = CONNECTING;
    session->next = 0;
    session->syncs = 0;
    session->events = POLLOUT;
}

static void flush(struct session *session)
{
    int left = PQflush(session->connection);

    if (left < 0)
        fail("send", session);
    session->events = left ? POLLIN | POLLOUT : POLLIN;
}

static void ask(struct session *session)
{
    session->script = session->next < statement_count && *statements[session->next] == '!';
    session->syncs = 1;
    if (session->script) {
        if (!PQexitPipelineMode(session->connection) || !PQsendQuery(session->connection, statements[session->next++] + 1))
            fail("send", session);
        /* What ends the round trip. */
        if (session->next < statement_count && !*statements[session->next])
            session->next++;
        flush(session);
        return;
    }
    if (PQpipelineStatus(session->connection) == PQ_PIPELINE_OFF && !PQenterPipelineMode(session->connection))
        fail("pipeline", session);
    for (; session->next < statement_count && *statements[session->next]; session->next++)
        if (!PQsendQueryParams(session->connection, statements[session->next], 0, NULL, NULL, NULL, NULL, 0))
            fail("send", session);
    session->next++;
    if (!PQpipelineSync(session->connection))
        fail("sync", session);
    flush(session);
}

/* Takes the lines of a COPY that have come; says whether they are over. */
static int copy(struct session *session)
{
    char *line;
    int length;

    while ((length = PQgetCopyData(session->connection, &line, 1)) > 0) {
        bytes += (unsigned long long) length;
        PQfreemem(line);
    }
    if (length < -1)
        fail("copy", session);
    return length < 0;
}

/* Takes what has come; returns when more must be waited for. */
static void listen_to(struct session *session)
{
    if (!PQconsumeInput(session->connection))
        fail("receive", session);
    while (session->syncs && !PQisBusy(session->connection)) {
        PGresult *result = PQgetResult(session->connection);

        if (!result) {
            if (session->script)
                session->syncs = 0;
            continue;
        }
        switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
            for (int row = 0; row < PQntuples(result); row++)
                for (int column = 0; column < PQnfields(result); column++)
                    bytes += (unsigned long long) PQgetlength(result, row, column);
            break;
        case PGRES_COMMAND_OK:
            break;
        case PGRES_COPY_OUT:
            /* libpq gives the same result again until the lines are over. */
            if (!copy(session)) {
                PQclear(result);
                flush(session);
                return;
            }
            break;
        case PGRES_PIPELINE_SYNC:
            session->syncs = 0;
            break;
        default:
            fail("answer", session);
        }
        PQclear(result);
    }
    if (!session->syncs && session->next < statement_count)
        ask(session);
    else if (!session->syncs) {
        PQfinish(session->connection);
        finished++;
        start(session);
    } else
        flush(session);
}

static void go_on(struct session *session)
{
    if (session->phase == ASKING) {
        listen_to(session);
        return;
    }
    switch (PQconnectPoll(session->connection)) {
    case PGRES_POLLING_READING:
        session->events = POLLIN;
        break;
    case PGRES_POLLING_WRITING:
        session->events = POLLOUT;
        break;
    case PGRES_POLLING_OK:
        if (PQsetnonblocking(session->connection, 1) || !PQenterPipelineMode(session->connection))
            fail("pipeline", session);
        session->phase = ASKING;
        ask(session);
        break;
    default:
        fail("connect", session);
    }
}

int main(int argc, char **argv)
{
    size_t size;
    size_t concurrency;
    struct session *sessions;
    struct pollfd *waits;
    FILE *file;

    if (argc != 4 || !(file = fopen(argv[3], "r"))) {
        fprintf(stderr, "usage: status_loop CONNINFO CONCURRENCY STATEMENTS < DATABASES\n");
        return 64;
    }
    conninfo = argv[1];
    concurrency = strtoul(argv[2], NULL, 10);
    char *text = read_all(file, &size);
    for (char *at = text; at < text + size && statement_count < 4096; at += strlen(at) + 1)
        statements[statement_count++] = at;
    fclose(file);
    text = read_all(stdin, &size);
    for (char *line = strtok(text, "\n"); line && database_count < 100000; line = strtok(NULL, "\n"))
        databases[database_count++] = line;

    sessions = calloc(concurrency, sizeof *sessions);
    waits = calloc(concurrency, sizeof *waits);
    if (!sessions || !waits)
        return 1;
    for (size_t i = 0; i < concurrency; i++)
        start(&sessions[i]);
    while (finished < database_count) {
        nfds_t count = 0;

        for (size_t i = 0; i < concurrency; i++)
            if (sessions[i].phase != UNUSED)
                waits[count++] = (struct pollfd) { PQsocket(sessions[i].connection), sessions[i].events, 0 };
        if (poll(waits, count, -1) < 0 && errno != EINTR) {
            perror("poll");
            return 1;
        }
        count = 0;
        for (size_t i = 0; i < concurrency; i++)
            if (sessions[i].phase != UNUSED && waits[count++].revents)
                go_on(&sessions[i]);
    }
    printf("%zu databases, %llu bytes of answers\n", finished, bytes);
    return 0;
}
