-- +goose Up
-- When no call is left, nobody further back in line can be sent either: the line ends
-- there, however many followers wait behind.
-- +goose StatementBegin
create or replace function copy_line(waits int[], fresh int[], calls int[], skip int) returns int[]
language plpgsql immutable as $$
declare
    due  int[] := array_fill(-1, array[coalesce(cardinality(waits), 0)]);
    used int := skip;
    t    int;
    n    int;
begin
    for i in 1..coalesce(cardinality(waits), 0) loop
        exit when used >= cardinality(calls);
        n := 1;
        t := case when calls is null then 0 else calls[used + 1] end;
        if calls is not null and coalesce(fresh[i], -1) <= coalesce(t, 0) then
            n := 2;
            t := calls[used + 2];
        end if;
        if t <= waits[i] then
            due[i] := t;
            used := used + n;
        elsif t is not null then
            due[i] := -1 - t;
        end if;
    end loop;
    return due;
end
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
create or replace function copy_line(waits int[], fresh int[], calls int[], skip int) returns int[]
language plpgsql immutable as $$
declare
    due  int[] := array_fill(-1, array[coalesce(cardinality(waits), 0)]);
    used int := skip;
    t    int;
    n    int;
begin
    for i in 1..coalesce(cardinality(waits), 0) loop
        n := 1;
        t := case when calls is null then 0 else calls[used + 1] end;
        if calls is not null and coalesce(fresh[i], -1) <= coalesce(t, 0) then
            n := 2;
            t := calls[used + 2];
        end if;
        if t <= waits[i] then
            due[i] := t;
            used := used + n;
        elsif t is not null then
            due[i] := -1 - t;
        end if;
    end loop;
    return due;
end
$$;
-- +goose StatementEnd
