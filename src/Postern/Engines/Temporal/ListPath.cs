using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>The elements of a list that may itself stand in elements of lists: <c>operations[].start_workflow.completion_callbacks[]</c>.</summary>
internal sealed class ListPath
{
    private readonly int[] _lists;

    public ListPath(LensNode root, string path)
    {
        var lists = new List<int>();
        var node = root;
        foreach (var part in path.Split("[]", StringSplitOptions.RemoveEmptyEntries))
        {
            if (node.At(part.TrimStart('.')) is not { Kind: LensKind.MessageList, Node: { } inner } list)
            {
                throw new InvalidDataException($"{path}: {part} isn't a list of messages");
            }

            lists.Add(list.Slot);
            node = inner;
        }

        Node = node;
        _lists = [.. lists];
    }

    /// <summary>What is read of an element; of the message itself where the path crosses no list.</summary>
    public LensNode Node { get; }

    /// <summary>The slots of the lists, from the outermost in.</summary>
    public ReadOnlySpan<int> Lists => _lists;

    /// <summary>A path to a value: the lists that it crosses, and the value's slot in the innermost element.</summary>
    public static (ListPath List, int Slot) Split(LensNode root, string path)
    {
        var end = path.LastIndexOf("[]", StringComparison.Ordinal);
        var list = new ListPath(root, end < 0 ? "" : path[..(end + 2)]);
        return (list, list.Node.SlotOf(end < 0 ? path : path[(end + 3)..]));
    }

    /// <summary>Adds the frames of all elements; nothing is allocated where there are none.</summary>
    public void Collect(in MessageLens lens, ref List<int>? found) => Collect(in lens, 0, 0, ref found);

    private void Collect(in MessageLens lens, int frame, int level, ref List<int>? found)
    {
        if (level == _lists.Length)
        {
            (found ??= []).Add(frame);
            return;
        }

        for (var element = lens.FirstOf(frame, _lists[level]); element != 0; element = lens.NextOf(element))
        {
            Collect(in lens, element, level + 1, ref found);
        }
    }
}
