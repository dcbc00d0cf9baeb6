-- +goose Up
-- Who cannot be sent within what they may wait is told in how many ms they could be:
-- the line gives -1 less that time, and -1 alone where the forecast does not reach so
-- far. A version of the program from before takes both for a skip.
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
        end if;
    end loop;
    return due;
end
$$;
-- +goose StatementEnd
